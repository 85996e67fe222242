"""Services, names, ports, and what containers can and cannot reach."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from embedded_engine.images.mirrors import apt_sources
from embedded_engine.sandbox import SandboxError, StartError, link, session
from embedded_engine.sandbox.programs import program

if TYPE_CHECKING:
    from engine.tests.sandbox.conftest import Bench, Eventually

    from embedded_engine.events import Event

SERVE = "import http.server as h; h.test(h.SimpleHTTPRequestHandler, port=8000, bind='0.0.0.0')"
FETCH = "import urllib.request, sys; print(urllib.request.urlopen(sys.argv[1], timeout=60).status)"
GREET = """
import socket, sys
print(socket.create_connection((sys.argv[1], int(sys.argv[2])), 5).recv(100).decode())
"""


async def test_a_service_is_reached_by_its_names(bench: Bench) -> None:
    """A container that was given a service's address under some names reaches it by each, and by its own name itself."""
    service = await bench.start(bench.python, "-c", SERVE, hostname="web")
    (await bench.sandbox.connect(service.ip, 8000, timeout=60)).close()
    for name in ("web", "alias", service.ip):
        ran = await bench.run(
            bench.python, "-c", FETCH, f"http://{name}:8000/etc", hosts=((service.ip, ("web", "alias")),)
        )
        assert ran.stdout == "200\n", ran.stderr
    own = await bench.sandbox.exec_in(service.id, (bench.python, "-c", FETCH, "http://web:8000/etc"))
    assert own.code == 0
    assert (await service.stop()).code == 143


async def test_connecting_waits_for_the_port(bench: Bench) -> None:
    """A port that opens late is reached in time; one that stays closed is an OSError when the time is over."""
    service = await bench.start("/bin/sh", "-c", f'sleep 0.5; exec {bench.python} -c "{SERVE}"')
    with pytest.raises(ConnectionRefusedError):
        await bench.sandbox.connect(service.ip, 8000)
    connection = await bench.sandbox.connect(service.ip, 8000, timeout=60)
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(connection, b"GET /etc/ HTTP/1.0\r\n\r\n")
    assert (await loop.sock_recv(connection, 12)).endswith(b"200")
    connection.close()
    await service.stop(timeout=0)
    began = time.monotonic()
    with pytest.raises((OSError, TimeoutError)):
        await bench.sandbox.connect(service.ip, 8000, timeout=0.2)
    assert time.monotonic() - began < 60


async def test_names_change_while_a_container_runs(bench: Bench) -> None:
    """Its /etc/hosts is rewritten in place, shorter or longer."""
    service = await bench.start("/bin/sleep", "600", hosts=(("10.87.9.9", ("a" * 200,)),))
    for hosts in ((("10.87.9.1", ("one",)),), (), (("10.87.9.2", ("two", "three")), ("10.87.9.3", ("four",)))):
        await bench.sandbox.set_hosts(service.id, hosts)
        output = bench.directory / "hosts"
        output.unlink(missing_ok=True)
        await bench.sandbox.exec_in(service.id, ("cat", "/etc/hosts"), stdout=output)
        assert output.read_text().splitlines()[2:] == [f"{ip}\t{' '.join(names)}" for ip, names in hosts]
    await service.stop(timeout=0)


async def test_another_program_inside(bench: Bench) -> None:
    """It has the container's user, variables and directory unless it is given others, and an exit of its own."""
    service = await bench.start("/bin/sleep", "600", uid=1000, gid=1000, env=(("A", "1"),), cwd="/home/app")
    out, err = bench.directory / "o", bench.directory / "e"
    script = "echo $(id -u) $A $(pwd); cat; echo err >&2; exit 7"
    ended = await bench.sandbox.exec_in(service.id, ("sh", "-c", script), stdin=b"in", stdout=out, stderr=err)
    assert (ended.code, out.read_text(), err.read_text()) == (7, "1000 1 /home/app\nin", "err\n")
    ended = await bench.sandbox.exec_in(service.id, ("sh", "-c", '[ "$A $(pwd)" = "2 /opt" ]'), (("A", "2"),), "/opt")
    assert ended.code == 0
    with pytest.raises(StartError, match='exec: "nope": executable file not found'):
        await bench.sandbox.exec_in(service.id, ("nope",))
    await service.stop(timeout=0)
    with pytest.raises(SandboxError, match=r"no container .* runs"):
        await bench.sandbox.exec_in(service.id, ("true",))


async def test_another_program_that_takes_too_long(bench: Bench) -> None:
    """It is killed after its time and the container runs on."""
    service = await bench.start("/bin/sleep", "600")
    ended = await bench.sandbox.exec_in(service.id, ("sleep", "600"), timeout=0.2)
    assert (ended.code, ended.signal) == (137, "SIGKILL")
    assert (await bench.sandbox.exec_in(service.id, ("true",))).code == 0
    await service.stop(timeout=0)


async def test_another_program_that_leaves_a_talker_behind(bench: Bench) -> None:
    """It is done when it is done, though what it left behind still writes."""
    service = await bench.start("/bin/sleep", "600")
    ended = await bench.sandbox.exec_in(service.id, ("sh", "-c", "yes & sleep 0.1"), stdout=bench.directory / "out")
    assert ended.code == 0
    assert (await bench.run("true")).exit.code == 0
    await service.stop(timeout=0)


async def test_the_end_of_a_container_ends_what_runs_inside(bench: Bench, eventually: Eventually) -> None:
    """Whoever waits for another program inside learns that it was killed."""
    service = await bench.start("/bin/sleep", "600")
    out = bench.directory / "out"
    inside = asyncio.create_task(bench.sandbox.exec_in(service.id, ("sh", "-c", "echo up; sleep 600"), stdout=out))
    assert await asyncio.to_thread(eventually, lambda: out.exists() and out.read_text() != "")
    await service.stop(timeout=0)
    assert (await asyncio.wait_for(inside, 60)).signal == "SIGKILL"


async def test_a_service_that_ends_by_itself(bench: Bench) -> None:
    """All who wait for it get its exit, also when they come late."""
    service = await bench.start("/bin/sh", "-c", "sleep 0.1; exit 5")
    assert [
        (await each).code for each in (asyncio.create_task(service.wait()), asyncio.create_task(service.wait()))
    ] == [5, 5]
    assert ((await service.wait()).code, service.ended, (await service.stop()).code) == (5, True, 5)


async def test_signals(bench: Bench, eventually: Eventually) -> None:
    """A signal reaches the program, even at the very moment of its start."""
    script = "trap 'exit 9' HUP; trap 'exit 8' TERM; echo up; while :; do sleep 0.01; done"
    service = await bench.start("/bin/sh", "-c", script)
    assert await asyncio.to_thread(eventually, lambda: service.spec.stdout.read_text() != "")
    await service.signal("SIGHUP")
    assert (await service.wait()).code == 9
    for _ in range(5):
        service = await bench.start("/bin/sleep", "600")
        assert (await service.stop(timeout=60)).code == 128 + signal.SIGTERM
    with pytest.raises(SandboxError, match="no such signal: SIGNOPE"):
        await service.signal("SIGNOPE")


async def test_a_service_that_ignores_sigterm(bench: Bench, eventually: Eventually) -> None:
    """It is killed when its time is over."""
    service = await bench.start("/bin/sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.01; done")
    assert await asyncio.to_thread(eventually, lambda: service.spec.stdout.read_text() != "")
    ended = await service.stop(timeout=0.3)
    assert (ended.code, ended.signal) == (137, "SIGKILL")


async def test_a_service_that_cannot_be_started(bench: Bench) -> None:
    """Starting it raises, and its name is free again."""
    for _ in range(2):
        with pytest.raises(StartError):
            await bench.start("nope", init=False, id="service")


async def test_containers_have_addresses_of_their_own(bench: Bench) -> None:
    """Each has another address in the session's network, and loopback is its own."""
    services = await asyncio.gather(*(bench.start(bench.python, "-c", SERVE) for _ in range(3)))
    assert len({service.ip for service in services}) == 3
    for service in services:
        (await bench.sandbox.connect(service.ip, 8000, timeout=60)).close()
    ran = await bench.run(bench.python, "-c", FETCH, "http://127.0.0.1:8000/")
    assert "refused" in ran.stderr
    await asyncio.gather(*(service.stop(timeout=0) for service in services))


async def test_without_network(bench: Bench) -> None:
    """A container without network has loopback and nothing else."""
    ran = await bench.shell("cut -d: -f1 /proc/net/dev | tail -n +3", network=False)
    assert ran.stdout.split() == ["lo"]


class _Greeter:
    """A server of the host that says hello to whoever connects and has sent `reads` bytes."""

    def __init__(self, address: str, size: int = 5, reads: int = 0) -> None:
        self._listener = socket.create_server((address, 0))
        self._greeting = b"hello" + b"." * (size - 5)
        self._reads = reads
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _address = self._listener.accept()
            except OSError:
                return
            with connection:
                left = self._reads
                while left:
                    left -= len(connection.recv(left))
                connection.sendall(self._greeting)

    def __enter__(self) -> _Greeter:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


async def test_the_hosts_loopback_is_out_of_reach(bench: Bench) -> None:
    """Neither the gateway's address nor the bridge's leads to a server on the host's loopback."""
    with _Greeter("127.0.0.1") as greeter:
        for address in ("10.87.0.2", "10.87.0.1", "127.0.0.1"):
            ran = await bench.run(bench.python, "-c", GREET, address, str(greeter.port))
            assert (ran.stdout, ran.exit.code) == ("", 1)


def _own_address() -> str | None:
    """An address of this machine that is not loopback; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("203.0.113.1", 9))
        except OSError:
            return None
        return str(probe.getsockname()[0])


async def test_the_way_out(bench: Bench) -> None:
    """What the host reaches is reached; large segments pass in both directions."""
    address = _own_address()
    if address is None:
        pytest.skip("this machine has no network")
    with _Greeter(address, size=60_000, reads=50_000) as greeter:
        script = """
import socket, sys
connection = socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)
connection.sendall(b"x" * 50_000)
received = 0
while data := connection.recv(65536):
    received += len(data)
print(received)
"""
        ran = await bench.run(bench.python, "-c", script, address, str(greeter.port))
        assert ran.stdout == "60000\n", ran.stderr


async def test_names_of_the_world_resolve(bench: Bench) -> None:
    """A name that the host can resolve a container can resolve, too."""
    name = next(
        (host for line in (apt_sources("trixie") or "").splitlines() if (host := urlsplit(line.split()[1]).hostname)),
        None,
    )
    if name is None:
        pytest.skip("this machine's apt names no mirror whose name could be looked up")
    try:
        await asyncio.get_running_loop().getaddrinfo(name, 80)
    except OSError:
        pytest.skip("this machine cannot resolve names")
    assert (await bench.shell(f"getent hosts {name}")).exit.code == 0


async def test_a_machine_without_slirp4netns(
    bench: Bench, events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Containers run and reach each other, names fail at once, and the user is told what to install."""
    monkeypatch.setattr(link, "program", lambda _name: None)
    monkeypatch.setattr(session, "program", lambda name: None if name == "slirp4netns" else program(name))
    service = await bench.start(bench.python, "-c", SERVE)
    (await bench.sandbox.connect(service.ip, 8000, timeout=60)).close()
    assert (await bench.run(bench.python, "-c", FETCH, f"http://{service.ip}:8000/etc")).stdout == "200\n"
    ran = await bench.shell("getent hosts www.example.org || echo no")
    assert (ran.stdout, ran.exit.seconds < 4) == ("no\n", True)
    assert [str(event) for event in events] == [str(events[0])]
    assert "apt-get install slirp4netns" in str(events[0])
    await service.stop(timeout=0)


async def test_a_listener_in_the_containers_network(bench: Bench) -> None:
    """The engine can listen where containers connect."""
    with await bench.sandbox.network_socket() as listener:
        listener.bind(("10.87.0.1", 0))
        listener.listen()
        asker = asyncio.create_task(bench.run(bench.python, "-c", GREET, "10.87.0.1", str(listener.getsockname()[1])))
        loop = asyncio.get_running_loop()
        connection, _address = await asyncio.wait_for(loop.sock_accept(listener), 60)
        await loop.sock_sendall(connection, b"from the engine")
        connection.close()
        assert (await asker).stdout == "from the engine\n"


async def test_a_proxy_on_the_hosts_loopback_is_forwarded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that the host's settings name is reached by a rewritten address; no other port is."""
    with _Greeter("127.0.0.1") as proxy, _Greeter("127.0.0.1") as other:
        monkeypatch.setenv("HTTP_PROXY", f"http://localhost:{proxy.port}/")
        ran = await bench.shell("echo $HTTP_PROXY $http_proxy", host_settings=True)
        assert ran.stdout.split() == [f"http://10.87.0.1:{proxy.port}/"] * 2
        assert (await bench.run(bench.python, "-c", GREET, "10.87.0.1", str(proxy.port))).stdout == "hello\n"
        assert (await bench.run(bench.python, "-c", GREET, "10.87.0.1", str(other.port))).exit.code == 1


async def test_the_hosts_certificates_reach_a_container(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The host's CA bundle is a file of the container to which the usual variables point, and leaves no trace."""
    bundle = bench.directory / "ca.crt"
    bundle.write_text("certificate")
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    ran = await bench.shell("cat $SSL_CERT_FILE $REQUESTS_CA_BUNDLE", host_settings=True, env=(("PIP_CERT", "mine"),))
    assert (ran.stdout, ran.written) == ("certificate" * 2, [])
    ran = await bench.shell("echo $PIP_CERT", host_settings=True, env=(("PIP_CERT", "mine"),))
    assert ran.stdout == "mine\n"
