"""Services: ports, names, ends, and tunnels to and from this machine."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable

import dagger
from dagger import NetworkProtocol, PortForward, dag

from until import until
from web import FETCH, fetch, fetch_here, server

ExecutionFailure = Callable[[Awaitable[object]], Awaitable[tuple[int, str, str]]]


async def answering(stack: contextlib.AsyncExitStack, answer: bytes) -> int:
    """A port of this machine on which everybody gets an answer and the end."""

    def answered(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        writer.close()

    listening = await stack.enter_async_context(await asyncio.start_server(answered, "127.0.0.1", 0))
    return int(listening.sockets[0].getsockname()[1])


async def test_an_endpoint_of_any_port(fresh: dagger.Container) -> None:
    """An endpoint can have a port that is not exposed."""
    s = fresh.as_service(args=["sleep", "10"])
    assert (await s.endpoint(port=1234)) == f"{await s.hostname()}:1234"


async def test_an_endpoint_with_a_scheme(fresh: dagger.Container) -> None:
    """An endpoint has the scheme and port that are asked for."""
    s = server(fresh).as_service()
    h = await s.hostname()
    assert (await s.endpoint(scheme="http")).replace(h, "H") == "http://H:8000"
    assert (await s.endpoint(scheme="http", port=80)).replace(h, "H") == "http://H:80"


async def test_the_first_port_is_the_endpoint(fresh: dagger.Container) -> None:
    """The first exposed port is that of the endpoint."""
    s = fresh.with_exposed_port(9000).with_exposed_port(80).as_service(args=["sleep", "1"])
    h = await s.hostname()
    assert (await s.endpoint()).replace(h, "H") == "H:9000"
    assert [await p.port() for p in await s.ports()] == [9000, 80]


async def test_ports_with_their_details(fresh: dagger.Container) -> None:
    """Ports tell their protocol, description and whether they are waited for."""
    s = (
        fresh.with_exposed_port(9000, description="web", protocol=NetworkProtocol.UDP)
        .with_exposed_port(80, experimental_skip_healthcheck=True)
        .as_service(args=["sleep", "1"])
    )
    assert [
        (await p.port(), await p.protocol(), await p.description(), await p.experimental_skip_healthcheck())
        for p in await s.ports()
    ] == [(9000, NetworkProtocol.UDP, "web", False), (80, NetworkProtocol.TCP, None, True)]


async def test_ports_that_are_not_waited_for(fresh: dagger.Container) -> None:
    """A service with ports that are not waited for is ready at once, though nobody listens there."""
    s = fresh.with_exposed_port(6214, experimental_skip_healthcheck=True).as_service(args=["sleep", "100"])
    assert await fresh.with_service_binding("s", s).with_exec(["echo", "ready"]).stdout() == "ready\n"


async def test_some_ports_are_waited_for(fresh: dagger.Container) -> None:
    """Only the ports that are to be waited for are."""
    s = server(fresh).with_exposed_port(6214, experimental_skip_healthcheck=True).as_service()
    assert await fetch(fresh.with_service_binding("w", s), "http://w:8000") == "hello"


async def test_a_service_of_default_arguments(fresh: dagger.Container) -> None:
    """A service runs the default arguments."""
    s = server(fresh).as_service()
    assert await fetch(fresh.with_service_binding("w", s), "http://w:8000") == "hello"


async def test_arguments_of_a_service_expand(fresh: dagger.Container) -> None:
    """Variables in a service's arguments are expanded on demand."""
    s = server(fresh).with_env_variable("PORT", "8000").as_service(args=["python3", "/server.py", "$PORT"], expand=True)
    assert await fetch(fresh.with_service_binding("w", s), "http://w:8000") == "hello"


async def test_arguments_behind_the_entrypoint(fresh: dagger.Container) -> None:
    """A service's arguments follow the entrypoint on demand."""
    s = server(fresh).with_entrypoint(["python3", "/server.py"]).as_service(args=["8000"], use_entrypoint=True)
    assert await fetch(fresh.with_service_binding("w", s), "http://w:8000") == "hello"


async def test_a_service_after_an_execution(fresh: dagger.Container) -> None:
    """A container that ran something still serves its default arguments."""
    s = server(fresh).with_exec(["touch", "/x"]).as_service()
    assert await fetch(fresh.with_service_binding("w", s), "http://w:8000") == "hello"


async def test_a_service_starts_once(fresh: dagger.Container) -> None:
    """Starting a service twice is starting it once."""
    s = server(fresh).as_service()
    await s.start()
    await s.start()
    r = await fetch(fresh.with_service_binding("w", s), "http://w:8000")
    await s.stop()
    assert r == "hello"


async def test_a_service_starts_again(fresh: dagger.Container, unique: str) -> None:
    """A service that was stopped can be started again."""
    mounted = fresh.with_mounted_cache("/c", dag.cache_volume(unique))
    s = mounted.as_service(args=["sh", "-c", "echo s >> /c/l; exec sleep 100"])
    for number in (1, 2):
        await s.start()
        await mounted.with_exec(until(f'test "$(cat /c/l | wc -l)" = {number}')).sync()
        await s.stop(kill=True)
    assert await mounted.with_exec(["cat", "/c/l"]).stdout() == "s\ns\n"


async def test_a_stopped_service_has_no_name(fresh: dagger.Container) -> None:
    """Nobody knows the name of a service that was stopped."""
    s = server(fresh).as_service().with_hostname("gone-svc")
    await s.start()
    await s.stop()
    assert (
        await fresh.with_exec(["sh", "-c", "getent hosts gone-svc >/dev/null && echo there || echo gone"]).stdout()
        == "gone\n"
    )


async def test_a_long_alias(fresh: dagger.Container) -> None:
    """An alias may look like a full domain name."""
    s = server(fresh).as_service()
    assert await fetch(fresh.with_service_binding("api.example.com", s), "http://api.example.com:8000") == "hello"


async def test_a_service_knows_itself(fresh: dagger.Container) -> None:
    """A service knows its own name."""
    s = (
        fresh.with_exposed_port(8000)
        .as_service(
            args=[
                "sh",
                "-c",
                "mkdir /w; cd /w; getent hosts selfish | wc -l > index.html; exec python3 -m http.server 8000",
            ]
        )
        .with_hostname("selfish")
    )
    assert await fetch(fresh.with_service_binding("w", s), "http://w:8000") == "1"


async def test_addresses_are_private(fresh: dagger.Container) -> None:
    """A service has an address in a private network."""
    s = server(fresh).as_service()
    code = "import ipaddress, socket; print(ipaddress.ip_address(socket.gethostbyname('w')).is_private)"
    assert await fresh.with_service_binding("w", s).with_exec(["python3", "-c", code]).stdout() == "True\n"


async def test_datagrams(fresh: dagger.Container) -> None:
    """Datagrams reach a service and come back."""
    code = "import socket\ns=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.bind(('',5353))\nwhile True:\n d,a=s.recvfrom(100); s.sendto(d.upper(),a)"
    s = fresh.with_exposed_port(5353, protocol=NetworkProtocol.UDP).as_service(args=["python3", "-c", code])
    cl = "import socket\ns=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.settimeout(1)\nfor _ in range(10):\n try:\n  s.sendto(b'hi',('u',5353)); print(s.recv(9)); break\n except OSError: pass"
    assert await fresh.with_service_binding("u", s).with_exec(["python3", "-c", cl]).stdout() == "b'HI'\n"


async def test_files_made_with_a_service(fresh: dagger.Container) -> None:
    """Files that a command made with a service's help can be read."""
    s = server(fresh).as_service()
    made = fresh.with_service_binding("w", s).with_exec(
        ["sh", "-c", f"mkdir /o; python3 -c '{FETCH}' http://w:8000 > /o/f"]
    )
    assert await made.file("/o/f").contents() == "hello\n"
    assert await made.directory("/o").entries() == ["f"]


async def test_a_file_from_a_service(fresh: dagger.Container) -> None:
    """A file can be had from a service."""
    s = server(fresh).as_service()
    assert await dag.http(await s.endpoint(scheme="http"), experimental_service_host=s).contents() == "hello"


async def test_a_tunnel_to_any_port(fresh: dagger.Container) -> None:
    """A tunnel listens on any free port of the loopback and tells it."""
    s = server(fresh).as_service()
    t = dag.host().tunnel(s)
    await t.start()
    e = await t.endpoint()
    ans = await fetch_here(f"http://{e}")
    h = await t.hostname()
    p = [await x.port() for x in await t.ports()]
    await t.stop()
    assert h == "127.0.0.1"
    assert e.split(":")[0] == "127.0.0.1"
    assert ans == b"hello"
    assert p == [int(e.split(":")[1])]


async def test_a_service_of_this_machine(fresh: dagger.Container) -> None:
    """A port of this machine is reached as a service, under another number."""
    async with contextlib.AsyncExitStack() as stack:
        port = await answering(stack, b"from-host")
        service = dag.host().service([PortForward(backend=port, frontend=80)])
        code = "import socket; print(socket.create_connection(('h', 80)).recv(100))"
        ran = fresh.with_service_binding("h", service).with_exec(["python3", "-c", code])
        assert await ran.stdout() == "b'from-host'\n"
        assert await service.endpoint() == f"{await service.hostname()}:80"


async def test_a_port_nobody_listens_on(fresh: dagger.Container) -> None:
    """A port of this machine on which nobody listens is an end without an answer."""
    s = dag.host().service([PortForward(backend=1, frontend=80)])
    assert (
        await fresh.with_service_binding("h", s)
        .with_exec(
            [
                "python3",
                "-c",
                "import socket\ntry:\n print(socket.create_connection(('h',80)).recv(100))\nexcept OSError as e: print(type(e).__name__)",
            ]
        )
        .stdout()
        == "b''\n"
    )


async def test_services_that_know_each_other(fresh: dagger.Container) -> None:
    """Two services find each other by the names that they were given."""
    script = (
        "mkdir /w && cd /w; "
        "until python3 /fetch.py http://circle-a:8000/ > index.html; do sleep 0.2; done 2> /dev/null; "
        "exec python3 -m http.server 9000"
    )
    one = server(fresh.with_env_variable("ANSWER", "a")).as_service().with_hostname("circle-a")
    served = fresh.with_new_file("/fetch.py", FETCH).with_exposed_port(9000)
    two = served.as_service(args=["sh", "-c", script]).with_hostname("circle-b")
    await asyncio.gather(one.start(), two.start())
    try:
        assert await fetch(fresh, "http://circle-b:9000") == "a"
    finally:
        await one.stop(kill=True)
        await two.stop(kill=True)


async def test_user_and_directory_of_a_service(fresh: dagger.Container) -> None:
    """A service runs as the user and in the directory of its container."""
    s = (
        fresh.with_user("nobody")
        .with_workdir("/tmp")
        .with_exposed_port(8000)
        .as_service(args=["sh", "-c", "echo $(id -un) $(pwd) $HOME > index.html; exec python3 -m http.server 8000"])
    )
    assert await fetch(fresh.with_service_binding("w", s), "http://w:8000") == "nobody /tmp /nonexistent"


async def test_a_health_check_for_a_shell(fresh: dagger.Container, unique: str) -> None:
    """A health check in a shell decides when a service is ready."""
    mounted = fresh.with_mounted_cache("/c", dag.cache_volume(unique))
    s = mounted.with_docker_healthcheck(
        ["test -e /c/ready"], shell=True, interval="100ms", start_period="60s", start_interval="50ms"
    ).as_service(args=["sh", "-c", "sleep 0.3; touch /c/ready; exec sleep 100"])
    await s.start()
    assert await mounted.with_exec(["ls", "/c"]).stdout() == "ready\n"
    await s.stop(kill=True)


async def test_a_service_whose_container_fails(fresh: dagger.Container, execution_failure: ExecutionFailure) -> None:
    """A service whose container cannot be made fails as that does."""
    s = fresh.with_exec(["false"]).as_service(args=["sleep", "1"])
    assert await execution_failure(s.start()) == (1, "", "")


async def test_a_service_with_all_capabilities(fresh: dagger.Container) -> None:
    """A service can have all capabilities."""
    s = fresh.with_exposed_port(8000).as_service(
        args=[
            "sh",
            "-c",
            "mkdir /w; cd /w; mount -t tmpfs x /mnt && echo yes > index.html; exec python3 -m http.server 8000",
        ],
        insecure_root_capabilities=True,
    )
    assert await fetch(fresh.with_service_binding("w", s), "http://w:8000/index.html") == "yes"


async def test_a_container_serves_on_this_machine(fresh: dagger.Container) -> None:
    """A container serves on a port of this machine until the request is given up."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    serving = asyncio.create_task(server(fresh, port).up(ports=[PortForward(backend=port, frontend=port)]))
    answer = b""
    for _ in range(600):
        await asyncio.sleep(0.1)
        with contextlib.suppress(OSError):
            answer = await fetch_here(f"http://127.0.0.1:{port}")
            break
    serving.cancel()
    assert answer == b"hello"


async def test_sync_gives_the_service(fresh: dagger.Container) -> None:
    """Synchronising a service gives it."""
    s = await server(fresh).as_service().sync()
    assert type(s).__name__ == "Service"


async def test_services_of_this_machine_share_ports(fresh: dagger.Container) -> None:
    """Two services of this machine can have the same port."""
    client = fresh
    async with contextlib.AsyncExitStack() as stack:
        for name in ("one", "two"):
            port = await answering(stack, name.encode())
            client = client.with_service_binding(name, dag.host().service([PortForward(backend=port, frontend=80)]))
        code = "import socket\nfor h in ('one','two'): print(socket.create_connection((h,80)).recv(100))"
        assert await client.with_exec(["python3", "-c", code]).stdout() == "b'one'\nb'two'\n"
