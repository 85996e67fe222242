"""The session's HTTP: one path on loopback, basic authentication with the session's token as the user."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import logging
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

from embedded_engine.binding import ServedModule
from embedded_engine.session.execution import Execution

MAX_BODY_BYTES = 128 * 1024 * 1024
_CLOSING_SECONDS = 5
_SPAN = slice(36, 52)  # in `00-<32 digits of trace>-<16 digits of span>-<flags>`

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
StageOf = Callable[[str], str | None]


class _TooLargeError(Exception):
    """The body of a request passes the limit."""


class _GoneError(Exception):
    """The client went away before its request was whole."""


class Application:
    """A bare ASGI application: `POST /query`, for whoever has the session's token or one of its modules'."""

    def __init__(
        self, execution: Execution, token: str, modules: Mapping[str, ServedModule], stage_of: StageOf
    ) -> None:
        self._execution = execution
        self._token = token
        self._modules = modules
        self._stage_of = stage_of
        self._answers: set[asyncio.Future[bytes]] = set()

    def cancel(self) -> None:
        """Cancel everything that is being answered; each of its clients is told."""
        for answer in self._answers:
            answer.cancel()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request. A client that goes away cancels what it asked for."""
        headers = dict(scope["headers"])
        token = self._token_in(headers.get(b"authorization", b""))
        if token is None:
            await _send(send, 401, _message("this session needs its token"))
        elif scope["path"] != "/query":
            await _send(send, 404, _message("the API is at /query"))
        elif scope["method"] != "POST":
            await _send(send, 405, _message("the API takes POST"))
        else:
            await self._answer(headers, self._modules.get(token), receive, send)

    def _token_in(self, authorization: bytes) -> str | None:
        """The token that a request has, if it is one of ours."""
        for token in (self._token, *self._modules):
            if hmac.compare_digest(authorization, b"Basic " + base64.b64encode(f"{token}:".encode())):
                return token
        return None

    async def _answer(
        self, headers: dict[bytes, bytes], module: ServedModule | None, receive: Receive, send: Send
    ) -> None:
        try:
            body = await _body(receive)
        except _TooLargeError:
            await _send(send, 413, _message(f"a request has at most {MAX_BODY_BYTES} bytes"))
            return
        except _GoneError:
            return
        stage = self._stage_of(headers.get(b"traceparent", b"").decode("latin-1")[_SPAN])
        answer = asyncio.ensure_future(self._execution.respond(body, stage, module))
        gone = asyncio.ensure_future(receive())
        self._answers.add(answer)
        await asyncio.wait((answer, gone), return_when=asyncio.FIRST_COMPLETED)
        for task in (answer, gone):
            task.cancel()
        await asyncio.wait((answer, gone))
        self._answers.discard(answer)
        if answer.cancelled():
            await _send(send, 503, _message("cancelled: the session is closing, or the client has gone"))
        else:
            await _send(send, 200, answer.result())


class Server:
    """Serves an application with uvicorn's protocol on a port of loopback that the kernel chooses.

    Only the protocol is used: uvicorn's own server loop ticks, and would cost a tenth of a second at every exit.
    """

    def __init__(self, server: asyncio.Server, application: Application, state: Any) -> None:
        self._server = server
        self._application = application
        self._state = state

    @classmethod
    async def start(cls, application: Application) -> tuple[Server, int]:
        """A serving server, and its port."""
        from uvicorn.config import Config
        from uvicorn.protocols.http.h11_impl import H11Protocol
        from uvicorn.server import ServerState

        logging.getLogger("uvicorn.error").addHandler(logging.NullHandler())
        config = Config(
            cast(Any, application),  # uvicorn has its own names for the same dictionaries
            http=H11Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=3600,
        )
        state = ServerState()
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.bind(("127.0.0.1", 0))
        server = await asyncio.get_running_loop().create_server(
            lambda: H11Protocol(config, state, {}), sock=listener, backlog=1024
        )
        return cls(server, application, state), int(listener.getsockname()[1])

    async def close(self) -> None:
        """Stop listening, cancel what is being answered, hang up."""
        self._server.close()
        self._application.cancel()
        tasks = list(self._state.tasks)
        if tasks:
            await asyncio.wait(tasks, timeout=_CLOSING_SECONDS)
        for connection in list(self._state.connections):
            connection.transport.abort()


async def _body(receive: Receive) -> bytes:
    parts = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise _GoneError
        part = message.get("body", b"")
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise _TooLargeError
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)


def _message(text: str) -> bytes:
    return json.dumps({"errors": [{"message": text}]}).encode()


async def _send(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
