"""A proxy that stands before a registry: it notes every request, and does wrong as it is told."""

from __future__ import annotations

import http.client
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from registry import LocalRegistry
from registry_tokens import Answer, Tokens


@dataclass
class Fault:
    """What goes wrong with requests whose `METHOD /path` matches, the next `times` times."""

    pattern: str
    times: int = 1_000_000
    status: int | None = None
    """Answer this, and ask nobody."""
    headers: dict[str, str] = field(default_factory=dict)
    """Sent with the answer, instead of the registry's own of the same names."""
    body: bytes | None = None
    cut: int | None = None
    """Send this many bytes of the body, then hang up."""
    drop: bool = False
    """Hang up in good order, with no answer."""
    reset: bool = False
    """Hang up as a machine does that fails: the client gets a reset."""
    after: bool = False
    """With `status` or `reset`: only after the registry has done what was asked."""
    seconds: float = 0.0
    """Wait before the answer."""
    then: Callable[[], None] | None = None
    """Done after the registry has done what was asked, before the answer."""


class Request(NamedTuple):
    """A request as it was noted."""

    method: str
    path: str
    authorization: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class Proxy:
    """Stands before a registry; with `tokens` it lets in who has one."""

    def __init__(self, registry: LocalRegistry) -> None:
        self.faults: list[Fault] = []
        self.requests: list[Request] = []
        self.tokens: Tokens | None = None
        self._upstream = registry.host
        self._lock = threading.Lock()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                """Say nothing."""

            def _handle(self) -> None:
                proxy._handle(self)

            # The names that the base class looks for.
            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # noqa: N815

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """Clients that hang up are part of the tests."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self.host = f"127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def seen(self, pattern: str) -> list[str]:
        """The noted requests that match."""
        return [text for text in map(str, self.requests) if re.search(pattern, text)]

    def _handle(self, request: BaseHTTPRequestHandler) -> None:
        sent = _body_of(request)
        noted = Request(request.command, request.path, request.headers.get("Authorization", ""))
        with self._lock:
            self.requests.append(noted)
        if self.tokens is not None and (refusal := self.tokens.answer(self.host, *noted)) is not None:
            return _send(request, refusal)
        fault = self._fault(str(noted))
        time.sleep(fault.seconds)
        answer = Answer(fault.status or 0, {}, b"")
        if fault.after or not (fault.drop or fault.reset or fault.status):
            answered = self._forward(request, sent)
            answer = answer if fault.status else answered
        if fault.then is not None:
            fault.then()
        if fault.drop or fault.reset:
            return _hang_up(request, is_reset=fault.reset)
        body, length = (fault.body, None) if fault.body is not None else (answer.body, answer.length)
        changed = {name.lower(): value for name, value in fault.headers.items()}
        return _send(request, Answer(answer.status, {**answer.headers, **changed}, body, length), fault.cut)

    def _fault(self, request: str) -> Fault:
        with self._lock:
            for fault in self.faults:
                if fault.times and re.search(fault.pattern, request):
                    fault.times -= 1
                    return fault
        return Fault("")

    def _forward(self, request: BaseHTTPRequestHandler, body: bytes) -> Answer:
        connection = http.client.HTTPConnection(self._upstream, timeout=60)
        # A header may come in several lines: a client says so which manifests it reads.
        names = {name.lower() for name in request.headers} - {"transfer-encoding", "content-length", "authorization"}
        headers = {name: ", ".join(request.headers.get_all(name, ())) for name in names}
        try:
            connection.request(request.command, request.path, body or None, headers)
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        answered = {
            name.lower(): value
            for name, value in response.getheaders()
            if name.lower() not in {"content-length", "transfer-encoding", "connection", "date"}
        }
        return Answer(response.status, answered, content, int(response.getheader("Content-Length") or len(content)))


@contextmanager
def proxy_before(registry: LocalRegistry) -> Iterator[Proxy]:
    """A proxy that does nothing wrong until a fault is added."""
    proxy = Proxy(registry)
    try:
        yield proxy
    finally:
        proxy.close()


def _body_of(request: BaseHTTPRequestHandler) -> bytes:
    if request.headers.get("Transfer-Encoding", "").lower() != "chunked":
        return request.rfile.read(int(request.headers.get("Content-Length", 0)))
    body = b""
    while size := int(request.rfile.readline().partition(b";")[0], 16):
        body += request.rfile.read(size)
        request.rfile.readline()
    request.rfile.readline()
    return body


def _send(request: BaseHTTPRequestHandler, answer: Answer, cut: int | None = None) -> None:
    request.send_response(answer.status)
    for name, value in answer.headers.items():
        request.send_header(name, value)
    request.send_header("Content-Length", str(len(answer.body) if answer.length is None else answer.length))
    request.end_headers()
    if request.command != "HEAD":
        request.wfile.write(answer.body[:cut])
    if cut is not None:
        request.close_connection = True


def _hang_up(request: BaseHTTPRequestHandler, *, is_reset: bool) -> None:
    if is_reset:
        # Closed with data unsent and no time to linger.
        request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.connection.close()
    request.close_connection = True
