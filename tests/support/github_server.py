"""A small GitHub on loopback: its REST API as documented for what the pipeline uses, with state that a test can see.

It listens for real and answers from `State`. Its repository is private, so who has no token sees nothing of it.
Faults are switched on by `fail`: a status, headers, a delay, a connection that breaks before or after the deed is done.
"""

import json
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from github_rules import Answer, Refusal, State, route

REPOSITORY = "acme/items"
TOKEN = "ghs_made_up_for_tests"


@dataclass(frozen=True)
class Request:
    """A request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass
class Fault:
    """What goes wrong with requests whose `METHOD path` matches, the next `times` times."""

    pattern: str
    times: int = 1
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    drop: bool = False
    """Break the connection instead of answering."""
    after: bool = False
    """Go wrong when the deed is done already."""
    seconds: float = 0.0
    """Answer late."""


class GitHubServer:
    """The server: `state` is what it holds, `requests` what it was asked."""

    def __init__(self) -> None:
        self.state = State(REPOSITORY)
        self.requests: list[Request] = []
        self.permissions: dict[str, set[str]] = {TOKEN: {"contents", "pull_requests", "statuses"}}
        """What each token may write."""
        self.page_size = 100
        """The most that one page holds, whatever is asked for."""
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Headers and body in one packet: two would wait for each other 40 ms.
            wbufsize = -1

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
                """Say nothing."""

            def _handle(self) -> None:
                server.handle(self)

            # The names that the base class looks for.
            do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = _handle  # noqa: N815

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """Clients that hang up are part of the tests."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @contextmanager
    def running(self) -> Iterator["GitHubServer"]:
        """Serve while the block lasts."""
        self._thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    def fail(self, pattern: str, **fault: Any) -> None:
        """Switch a fault on: `fail("POST .*/releases", status=502, after=True)`."""
        self._faults.append(Fault(pattern, **fault))

    def seen(self, pattern: str = "") -> list[str]:
        """The requests that match, as `METHOD path` without the repository's own part."""
        own = f"/repos/{REPOSITORY}"
        texts = (str(request).replace(f"{own}/", "").replace(own, "") for request in self.requests)
        return [text for text in texts if re.search(pattern, text)]

    @property
    def writes(self) -> list[str]:
        """The requests that ask for a change."""
        return self.seen("^(POST|PATCH|DELETE|PUT) ")

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        raw = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        request = Request(handler.command, handler.path, headers, json.loads(raw) if raw else None)
        with self._lock:
            self.requests.append(request)
            fault = self._fault(str(request))
        if fault is None:
            return self._reply(handler, self._answer(request))
        time.sleep(fault.seconds)
        answer = self._answer(request) if fault.after or not (fault.status or fault.drop) else None
        if fault.drop:
            handler.close_connection = True
            return None
        if fault.status:
            return self._send(handler, fault.status, fault.headers, fault.body)
        return self._reply(handler, answer or Answer(204))

    def _fault(self, text: str) -> Fault | None:
        fault = next((each for each in self._faults if each.times and re.search(each.pattern, text)), None)
        if fault is not None:
            fault.times -= 1
        return fault

    def _answer(self, request: Request) -> Answer:
        with self._lock:
            try:
                token = self._identify(request)
                parts = urlsplit(request.path)
                query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
                answer = route(self.state, request.method, unquote(parts.path), query, request.body, token)
                return self._paged(answer, parts.path, query)
            except Refusal as refusal:
                return refusal.answer

    def _identify(self, request: Request) -> frozenset[str]:
        """Say what the sender may write; a private repository is not there for those without a token."""
        header = request.headers.get("authorization", "")
        if not header:
            raise Refusal(404, "Not Found")
        token = header.removeprefix("Bearer ")
        if token not in self.permissions:
            raise Refusal(401, "Bad credentials")
        return frozenset(self.permissions[token])

    def _paged(self, answer: Answer, path: str, query: dict[str, str]) -> Answer:
        whole = answer.listed
        if whole is None:
            return answer
        size = min(int(query.get("per_page", "30")), self.page_size)
        page = int(query.get("page", "1"))
        part = whole[(page - 1) * size : page * size]
        headers = dict(answer.headers)
        if page * size < len(whole):
            rest = "&".join(f"{name}={value}" for name, value in query.items() if name != "page")
            headers["Link"] = f'<{self.url}{path}?{rest}&page={page + 1}>; rel="next"'
        return Answer(answer.status, answer.with_part(part), headers)

    def _reply(self, handler: BaseHTTPRequestHandler, answer: Answer) -> None:
        body = b"" if answer.status == 204 else json.dumps(answer.body).encode()
        self._send(handler, answer.status, answer.headers, body)

    @staticmethod
    def _send(handler: BaseHTTPRequestHandler, status: int, headers: Mapping[str, str], body: bytes) -> None:
        handler.send_response(status)
        for name, value in {"Content-Type": "application/json; charset=utf-8", **headers}.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
