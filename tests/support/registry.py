"""A registry on loopback (Debian's docker-registry), and a proxy that stands before it and does wrong as it is told."""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import shutil
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

USERNAME = "ci"
PASSWORD = "a-password-of-tests"
_HTPASSWD = "ci:$2b$04$.U9iJjI6mh8ZHY8F2uLb4O.yRMuZ6t4Po7.0u0EIfkgzlhL5uMFtC\n"
_SECONDS_TO_START = 10.0


@dataclass(frozen=True)
class LocalRegistry:
    """A registry that runs, seen by its files: what it holds is read past its protocol."""

    port: int
    root: Path

    def tags(self, repository: str) -> dict[str, str]:
        """The digests of a repository's tags."""
        folder = self.root / "docker/registry/v2/repositories" / repository / "_manifests/tags"
        return {link.parts[-3]: link.read_text() for link in folder.glob("*/current/link")}

    def put(self, repository: str, tag: str, digest: str) -> None:
        """Give a tag to a manifest that the repository has, as another run of the pipeline does."""
        manifest = self.content(digest)
        kind = json.loads(manifest)["mediaType"]
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("PUT", f"/v2/{repository}/manifests/{tag}", manifest, {"Content-Type": kind})
        assert connection.getresponse().status == 201
        connection.close()

    def blobs(self) -> frozenset[str]:
        """The digests of everything that it holds."""
        folder = self.root / "docker/registry/v2/blobs/sha256"
        return frozenset(f"sha256:{data.parent.name}" for data in folder.glob("*/*/data"))

    def content(self, digest: str) -> bytes:
        """A manifest, a configuration or a layer."""
        digits = digest.removeprefix("sha256:")
        return (self.root / "docker/registry/v2/blobs/sha256" / digits[:2] / digits / "data").read_bytes()


@contextmanager
def running_registry(folder: Path, *, locked: bool = False) -> Iterator[LocalRegistry]:
    """Run a registry on a free port; `locked`: for USERNAME with PASSWORD only."""
    program = shutil.which("docker-registry")
    if program is None:
        pytest.fail("the tests of publishing need a registry: apt-get install docker-registry", pytrace=False)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    lines = [
        "version: 0.1",
        "log: {level: error, accesslog: {disabled: true}}",
        f"storage: {{filesystem: {{rootdirectory: {folder}/data}}}}",
        f"http: {{addr: '127.0.0.1:{port}'}}",
    ]
    if locked:
        (folder / "htpasswd").write_text(_HTPASSWD)
        lines.append(f"auth: {{htpasswd: {{realm: tests, path: {folder}/htpasswd}}}}")
    (folder / "config.yml").write_text("\n".join(lines))
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen([program, "serve", str(folder / "config.yml")], stdout=log, stderr=log) as process,
    ):
        try:
            _wait_for(port)
            yield LocalRegistry(port, folder / "data")
        finally:
            process.terminate()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + _SECONDS_TO_START
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


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
    reset: bool = False
    """Hang up before anything is answered."""
    after: bool = False
    """With `status` or `reset`: only after the registry has done what was asked."""
    seconds: float = 0.0
    """Wait before the answer."""
    then: Callable[[], None] | None = None
    """Done after the registry has done what was asked, before the answer."""


class Proxy:
    """Stands before a registry, notes every request, and does wrong as it is told."""

    def __init__(self, registry: LocalRegistry) -> None:
        self.faults: list[Fault] = []
        self.requests: list[str] = []
        self._upstream = f"127.0.0.1:{registry.port}"
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
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def seen(self, pattern: str) -> list[str]:
        """The noted requests that match."""
        return [request for request in self.requests if re.search(pattern, request)]

    def _fault(self, request: str) -> Fault:
        with self._lock:
            self.requests.append(request)
            for fault in self.faults:
                if fault.times and re.search(fault.pattern, request):
                    fault.times -= 1
                    return fault
        return Fault("")

    def _handle(self, request: BaseHTTPRequestHandler) -> None:
        sent = _body_of(request)
        fault = self._fault(f"{request.command} {request.path}")
        time.sleep(fault.seconds)
        status, headers, content, length = fault.status or 0, dict[str, str](), b"", 0
        if fault.after or not (fault.reset or fault.status):
            answered = self._forward(request, sent)
            status, headers, content, length = answered if not fault.status else (fault.status, {}, b"", 0)
        if fault.then is not None:
            fault.then()
        if fault.reset:
            # Closed with data unsent and no time to linger: the client gets a reset.
            request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            request.connection.close()
            request.close_connection = True
            return
        if fault.body is not None:
            content, length = fault.body, len(fault.body)
        request.send_response(status)
        for name, value in {**headers, **{name.lower(): value for name, value in fault.headers.items()}}.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(length))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(content[: fault.cut])
        if fault.cut is not None:
            request.close_connection = True

    def _forward(self, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, dict[str, str], bytes, int]:
        connection = http.client.HTTPConnection(self._upstream, timeout=30)
        # A header may come in several lines: a client says so which manifests it reads.
        names = {name.lower() for name in request.headers} - {"transfer-encoding", "content-length"}
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
        return response.status, answered, content, int(response.getheader("Content-Length") or len(content))


def _body_of(request: BaseHTTPRequestHandler) -> bytes:
    if request.headers.get("Transfer-Encoding", "").lower() != "chunked":
        return request.rfile.read(int(request.headers.get("Content-Length", 0)))
    body = b""
    while size := int(request.rfile.readline().partition(b";")[0], 16):
        body += request.rfile.read(size)
        request.rfile.readline()
    request.rfile.readline()
    return body


@contextmanager
def proxy_before(registry: LocalRegistry) -> Iterator[Proxy]:
    """A proxy that does nothing wrong until a fault is added."""
    proxy = Proxy(registry)
    try:
        yield proxy
    finally:
        proxy.close()


def digest_of(content: bytes) -> str:
    """The digest of a manifest or a blob."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
