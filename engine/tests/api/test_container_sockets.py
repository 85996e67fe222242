"""Unix sockets, volatile variables and errors of containers; what is at a path."""

from __future__ import annotations

import http.server
import socket
import socketserver
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
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"heard")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


class _UnixServer(socketserver.UnixStreamServer):
    def get_request(self) -> tuple[socket.socket, Any]:
        request, _ = super().get_request()
        return request, ("local", 0)


@pytest.fixture
def host_socket(tmp_path: Path) -> Iterator[Path]:
    """A Unix socket that answers HTTP."""
    place = tmp_path / "s.sock"
    with _UnixServer(str(place), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield place
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("owner", ["", "app"], ids=["as it is", "given to a user"])
async def test_container_reaches_a_socket_of_this_machine(machine: Machine, host_socket: Path, owner: str) -> None:
    """A socket is there for executions, as it is or as its owner's."""
    container = machine().with_unix_socket("/run/it.sock", dag.host().unix_socket(str(host_socket)), owner=owner)
    if owner:
        container = container.with_user("app")
    asked = container.with_exec(["curl", "-s", "--unix-socket", "/run/it.sock", "http://x/"])
    assert await asked.stdout() == "heard"


@pytest.mark.usefixtures("embedded_only")
async def test_nothing_is_mounted_over_the_root(machine: Machine) -> None:
    """To run something in such a container is refused in one line that says what to do."""
    covered = machine().with_mounted_directory("/", dag.directory().with_new_file("f", "here"))
    with pytest.raises(dagger.QueryError, match="nothing can be mounted over / by the embedded engine: use withRootfs"):
        await covered.with_exec(["true"]).sync()


async def test_socket_can_be_taken_away(machine: Machine, host_socket: Path) -> None:
    """After withoutUnixSocket nothing is at the path."""
    container = machine().with_unix_socket("/run/it.sock", dag.host().unix_socket(str(host_socket)))
    script = "if [ -S /run/it.sock ]; then echo there; else echo gone; fi"
    assert await container.without_unix_socket("/run/it.sock").with_exec(["sh", "-c", script]).stdout() == "gone\n"


@pytest.mark.usefixtures("embedded_only")
async def test_missing_socket_is_told(connected: None, tmp_path: Path) -> None:
    """A path without a socket is refused when it is named."""
    (tmp_path / "file").write_text("")
    with pytest.raises(dagger.QueryError, match="no such file"):
        await dag.host().unix_socket(str(tmp_path / "none")).id()
    with pytest.raises(dagger.QueryError, match="it is no socket"):
        await dag.host().unix_socket(str(tmp_path / "file")).id()


async def test_volatile_variable_reaches_the_program_and_no_key(machine: Machine) -> None:
    """Another value of a volatile variable does not run an execution again; taken away, it is not there."""
    script = ["sh", "-c", "echo $BUILD; date +%N"]
    first = await machine().with_volatile_variable("BUILD", "one").with_exec(script).stdout()
    second = await machine().with_volatile_variable("BUILD", "two").with_exec(script).stdout()
    assert first.startswith("one\n")
    assert second == first
    without = machine().with_volatile_variable("BUILD", "one").without_volatile_variable("BUILD").with_exec(script)
    assert (await without.stdout()).startswith("\n")


async def test_with_error_fails_with_its_text(connected: None) -> None:
    """A container or directory with an error fails when it is used; without a text it goes on."""
    with pytest.raises(dagger.QueryError, match="no such luck"):
        await dag.container().with_error("no such luck").sync()
    with pytest.raises(dagger.QueryError, match="no such luck"):
        await dag.directory().with_error("no such luck").entries()
    assert await dag.directory().with_error("").entries() == []


async def test_stat_tells_what_is_at_a_path(connected: None) -> None:
    """Name, size, permissions and type of a file, a directory and a link; through the link unless told not to."""
    tree = dag.directory().with_new_file("dir/file", "12345", permissions=0o640).with_symlink("dir/file", "link")
    container = dag.container().with_rootfs(tree)
    for stat in (tree.stat("dir/file"), tree.stat("link"), tree.file("dir/file").stat(), container.stat("/link")):
        assert (await stat.name(), await stat.size(), await stat.permissions()) == ("file", 5, 0o640)
        assert await stat.file_type() == dagger.FileType.REGULAR
    assert await tree.stat("link", do_not_follow_symlinks=True).file_type() == dagger.FileType.SYMLINK
    assert await tree.stat("dir").file_type() == dagger.FileType.DIRECTORY
    with pytest.raises(dagger.QueryError, match="stat none: no such file or directory"):
        await tree.stat("none").size()
