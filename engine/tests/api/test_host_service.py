"""Ports of this machine as services, and words that name objects."""

from __future__ import annotations

import http.server
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagger
import pytest
from dagger import dag

Machine = Callable[[], dagger.Container]


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = f"port {self.server.server_port}".encode()  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


@pytest.fixture
def ports() -> Iterator[list[int]]:
    """Two ports of this machine that answer with their numbers."""
    servers = [http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) for _ in range(2)]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield [server.server_port for server in servers]
    for server in servers:
        server.shutdown()
        server.server_close()


async def test_container_reaches_ports_of_this_machine(machine: Machine, ports: list[int]) -> None:
    """Containers reach each port by the service's alias, under its front port or the same number."""
    service: Any = dag.host().service(
        [dagger.PortForward(backend=ports[0], frontend=8101), dagger.PortForward(backend=ports[1])]
    )
    container = machine().with_service_binding("host-web", service)
    for front, back in ((8101, ports[0]), (ports[1], ports[1])):
        answer = container.with_exec(["curl", "-s", f"http://host-web:{front}/"])
        assert await answer.stdout() == f"port {back}"
    assert [await port.port() for port in await service.ports()] == [8101, ports[1]]
    assert (await service.endpoint(scheme="http")).endswith(":8101")
    await service.stop()


async def test_services_of_this_machine_are_apart(machine: Machine, ports: list[int]) -> None:
    """Two services of this machine can have the same front port."""
    container = machine()
    for alias, port in zip(("one", "two"), ports, strict=True):
        service: Any = dag.host().service([dagger.PortForward(backend=port, frontend=8102)])
        container = container.with_service_binding(alias, service)
    for alias, port in zip(("one", "two"), ports, strict=True):
        answer = container.with_exec(["curl", "-s", f"http://{alias}:8102/"])
        assert await answer.stdout() == f"port {port}"


@pytest.mark.usefixtures("embedded_only")
async def test_ports_that_cannot_be_offered(connected: None) -> None:
    """No port at all is an error, and UDP is refused by name."""
    with pytest.raises(dagger.QueryError, match="no ports specified"):
        await dag.host().service([]).hostname()
    udp = [dagger.PortForward(backend=53, protocol=dagger.NetworkProtocol.UDP)]
    with pytest.raises(dagger.QueryError, match=r"Host\.service\(ports:\) with UDP is not supported"):
        await dag.host().service(udp).hostname()


@pytest.mark.usefixtures("embedded_only")
async def test_image_of_a_runtime_is_refused(connected: None) -> None:
    """There is no container runtime whose images could be taken."""
    with pytest.raises(dagger.QueryError, match=r"Host\.containerImage is not supported"):
        await dag.host().container_image("app").id()


@pytest.mark.usefixtures("embedded_only")
async def test_addresses(connected: None, workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A word is a directory, a file, a secret or a service, as it is asked for."""
    (workdir / "addressed").mkdir(exist_ok=True)
    (workdir / "addressed/file").write_text("text")
    monkeypatch.setenv("ADDRESSED_SECRET", "hidden")
    assert await dag.address("addressed").directory().entries() == ["file"]
    assert await dag.address(f"file://{workdir}/addressed/file").file().contents() == "text"
    for word in ("ADDRESSED_SECRET", "env:ADDRESSED_SECRET", "env://ADDRESSED_SECRET"):
        assert await dag.address(word).secret().plaintext() == "hidden"
    assert await dag.address("tcp://localhost:8103").service().endpoint() != ""
    assert await dag.address("x").value() == "x"


@pytest.mark.usefixtures("embedded_only")
async def test_address_of_a_repository(connected: None, tmp_path: Path) -> None:
    """A path is a repository, and with `#` a ref of it."""
    for command in ("init -q -b main", "-c user.name=a -c user.email=a@b commit -q --allow-empty -m one"):
        subprocess.run(["git", *command.split()], cwd=tmp_path, check=True)  # noqa: ASYNC221 - a moment
    assert await dag.address(str(tmp_path)).git_repository().branches() == ["main"]
    assert await dag.address(f"{tmp_path}#main").git_ref().ref() == "refs/heads/main"
    with pytest.raises(dagger.QueryError, match="cannot contain ref"):
        await dag.address(f"{tmp_path}#main").git_repository().branches()


@pytest.mark.parametrize(
    ("ask", "problem"),
    [
        (lambda: dag.address("").value(), "resource cannot have empty address"),
        (lambda: dag.address("http://x").service().hostname(), "unsupported service address"),
    ],
    ids=["empty", "service"],
)
@pytest.mark.usefixtures("embedded_only")
async def test_words_that_name_nothing(connected: None, ask: Callable[[], Any], problem: str) -> None:
    """A word of another kind is told."""
    with pytest.raises(dagger.QueryError, match=problem):
        await ask()


@pytest.mark.usefixtures("embedded_only")
async def test_no_current_module(connected: None) -> None:
    """A program that is no module's function has no current module."""
    with pytest.raises(dagger.QueryError, match="there is no current module"):
        await dag.current_module().name()
