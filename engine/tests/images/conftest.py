"""A store, archives of layers as strangers write them, and a registry on loopback."""

from __future__ import annotations

import base64
import gzip
import hashlib
import http.client
import io
import json
import re
import shutil
import socket
import subprocess
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import zstandard

from embedded_engine.images.settings import Settings
from embedded_engine.images.unpack import unpack
from embedded_engine.store import EMPTY, Store, Tree, Union

# The user "ci" with the password "secret".
HTPASSWD = "ci:$2b$04$gyNCwA0nadJJJJahwgoNJ.OgLkvsn4mk7g.5Q9I0Jd7/JWY15NpEe\n"

MakeArchive = Callable[..., Path]
Apply = Callable[..., Union]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A fresh store."""
    with Store.open(tmp_path / "store") as opened:
        yield opened


@pytest.fixture
def settings() -> Settings:
    """Settings that no file and no environment has a part in."""
    return Settings(read_timeout=5.0)


@pytest.fixture
def make_archive(tmp_path: Path) -> MakeArchive:
    """Write a layer's archive: `make_archive({"path": b"content", "dir/": None, "link": "target"}, "gzip")`.

    A value may also be a dictionary of TarInfo's fields, with `content`.
    """

    def make(entries: dict[str, Any] | list[tuple[str, Any]], compression: str = "plain") -> Path:
        raw = io.BytesIO()
        with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for name, value in entries.items() if isinstance(entries, dict) else entries:
                info, content = _entry(name, value)
                archive.addfile(info, io.BytesIO(content))
        data = raw.getvalue()
        if compression == "gzip":
            data = gzip.compress(data)
        elif compression == "zstd":
            data = zstandard.compress(data)
        place = tmp_path / f"archive-{hashlib.sha256(data).hexdigest()[:12]}"
        place.write_bytes(data)
        return place

    return make


def _entry(name: str, value: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name.removesuffix("/"))
    content = b""
    if value is None:
        info.type, info.mode = tarfile.DIRTYPE, 0o755
    elif isinstance(value, str):
        info.type, info.linkname = tarfile.SYMTYPE, value
    elif isinstance(value, bytes):
        content = value
    else:
        fields = dict(value)
        content = fields.pop("content", b"")
        for field, setting in fields.items():
            setattr(info, field, setting)
    if info.isreg():
        info.size = max(info.size, len(content))
    return info, content


@pytest.fixture
def apply(store: Store, make_archive: MakeArchive) -> Apply:
    """Unpack layers over each other and return the view of all: `apply({...}, {...})`."""

    def make(*layers: dict[str, Any] | list[tuple[str, Any]] | Path) -> Union:
        tree: Tree = EMPTY
        for layer in layers:
            archive = layer if isinstance(layer, Path) else make_archive(layer)
            below = store.layers.union(tree)
            with store.layers.stage(below if tree.layers else None) as staged:
                unpack(archive, staged, below)
                tree = tree.with_layer(staged.commit())
        return store.layers.union(tree)

    return make


@dataclass(frozen=True)
class LocalRegistry:
    """A registry that runs: its `host:port`, and where it keeps its files."""

    host: str
    root: Path


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRegistry]:
    """Debian's docker-registry, open to everybody."""
    with RunningRegistry(tmp_path_factory.mktemp("registry"), None) as found:
        yield found


@pytest.fixture(scope="session")
def locked_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRegistry]:
    """The same, for the user "ci" with the password "secret" only."""
    with RunningRegistry(tmp_path_factory.mktemp("locked"), HTPASSWD) as found:
        yield found


@pytest.fixture(scope="session")
def tls_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The same by TLS, with the certificate that nobody signed: `host:port`, certificate."""
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=test"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*request, *names], check=True, capture_output=True)
    with RunningRegistry(folder, None, (certificate, key)) as found:
        yield found.host, certificate


class RunningRegistry:
    """Runs docker-registry on a free port of loopback."""

    def __init__(self, folder: Path, passwords: str | None, tls: tuple[Path, Path] | None = None) -> None:
        program = shutil.which("docker-registry")
        if program is None:
            pytest.skip("docker-registry is not installed (apt-get install docker-registry)")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        lines = [
            "version: 0.1",
            "log: {level: error, accesslog: {disabled: true}}",
            f"storage: {{filesystem: {{rootdirectory: {folder}/data}}, delete: {{enabled: true}}}}",
        ]
        secured = f", tls: {{certificate: {tls[0]}, key: {tls[1]}}}" if tls is not None else ""
        lines.append(f"http: {{addr: '127.0.0.1:{self._port}'{secured}}}")
        if passwords is not None:
            (folder / "htpasswd").write_text(passwords)
            lines.append(f"auth: {{htpasswd: {{realm: test, path: {folder}/htpasswd}}}}")
        (folder / "config.yml").write_text("\n".join(lines))
        self._folder = folder
        self._command = [program, "serve", str(folder / "config.yml")]

    def __enter__(self) -> LocalRegistry:
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
                return LocalRegistry(f"127.0.0.1:{self._port}", self._folder / "data")
            except OSError:
                if time.monotonic() > deadline:
                    self.__exit__()
                    raise
                time.sleep(0.02)

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()


@dataclass
class Fault:
    """What goes wrong with requests whose `METHOD path` matches, the next `times` times."""

    pattern: str
    times: int = 1
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    body: bytes | None = None
    drop: bool = False


class Proxy:
    """Stands before a registry: notes every request, and does wrong as it is told."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str, str]] = []
        self.token_login: str | None = None
        self._others: list[Proxy] = []
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                """Say nothing."""

            def _handle(self) -> None:
                proxy.handle(self)

            # The names that the base class looks for.
            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = _handle  # noqa: N815

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """Clients that hang up are part of the tests."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def close(self) -> None:
        for other in self._others:
            other.close()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def beside(self) -> Proxy:
        """Another proxy before the same registry, closed with this one."""
        self._others.append(Proxy(self.upstream))
        return self._others[-1]

    def seen(self, pattern: str) -> list[str]:
        """The noted requests that match, as `METHOD path`."""
        return [f"{method} {path}" for method, path, _ in self.requests if re.search(pattern, f"{method} {path}")]

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        authorization = request.headers.get("Authorization", "")
        self.requests.append((request.command, request.path, authorization))
        if request.path.startswith("/token"):
            return self._give_token(request, authorization)
        if self.token_login is not None and not self._allowed(request, authorization):
            scope = self._scope(request)
            challenge = f'Bearer realm="http://{self.host}/token",service="test",scope="{scope}"'
            return self._answer(request, 401, {"WWW-Authenticate": challenge}, b"{}")
        for fault in self.faults:
            if fault.times and re.search(fault.pattern, f"{request.command} {request.path}"):
                fault.times -= 1
                if fault.drop:
                    request.close_connection = True
                    return None
                if fault.status is not None:
                    return self._answer(request, fault.status, fault.headers, fault.body or b"{}")
                return self._forward(request, body, fault)
        return self._forward(request, body, None)

    def _forward(self, request: BaseHTTPRequestHandler, body: bytes, fault: Fault | None) -> None:
        connection = http.client.HTTPConnection(self.upstream)
        headers = {name: value for name, value in request.headers.items() if name.lower() != "authorization"}
        connection.request(request.command, request.path, body or None, headers)
        response = connection.getresponse()
        content = response.read()
        answered = {
            name: value
            for name, value in response.getheaders()
            if name.lower() not in {"content-length", "transfer-encoding", "connection", "date"}
        }
        length = int(response.getheader("Content-Length") or len(content))
        connection.close()
        if fault is not None and fault.body is not None:
            content, length = fault.body, len(fault.body)
        self._answer(request, response.status, answered, content, length, fault.cut if fault is not None else None)

    def _answer(
        self,
        request: BaseHTTPRequestHandler,
        status: int,
        headers: dict[str, str],
        content: bytes,
        length: int | None = None,
        cut: int | None = None,
    ) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(content) if length is None else length))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(content[:cut])
        if cut is not None:
            request.close_connection = True

    @staticmethod
    def _scope(request: BaseHTTPRequestHandler) -> str:
        match = re.match(r"/v2/(.+?)/(?:blobs|manifests)/", request.path)
        actions = "pull" if request.command in {"GET", "HEAD"} else "pull,push"
        return f"repository:{match[1] if match else ''}:{actions}"

    def _allowed(self, request: BaseHTTPRequestHandler, authorization: str) -> bool:
        scope = self._scope(request)
        return authorization in {f"Bearer {scope}", f"Bearer {scope.removesuffix(':pull')}:pull,push"}

    def _give_token(self, request: BaseHTTPRequestHandler, authorization: str) -> None:
        """Tokens are their scopes; a wrong login gets none."""
        expected = "Basic " + base64.b64encode((self.token_login or "").encode()).decode()
        if self.token_login and authorization != expected:
            return self._answer(request, 401, {}, b"{}")
        query = dict(re.findall(r"(\w+)=([^&]*)", request.path))
        scope = query["scope"].replace("%3A", ":").replace("%2F", "/").replace("%2C", ",")
        return self._answer(request, 200, {}, json.dumps({"token": scope}).encode())


@pytest.fixture
def proxy(registry: LocalRegistry) -> Iterator[Proxy]:
    """A proxy before the open registry."""
    found = Proxy(registry.host)
    yield found
    found.close()


@pytest.fixture
def fault() -> type[Fault]:
    """How a test says what goes wrong."""
    return Fault
