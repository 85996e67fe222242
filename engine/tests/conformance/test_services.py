"""Services: started when they are needed, reached by name, stopped in the end; health checks and tunnels."""

from __future__ import annotations

import asyncio

import dagger
import pytest
from dagger import PortForward, dag

from until import until
from web import SERVER, fetch, fetch_here, server

RESOLVE = "import socket, sys; print(len({socket.gethostbyname(name) for name in sys.argv[1:]}))"


async def test_a_service_is_reached_by_its_alias(fresh: dagger.Container) -> None:
    """A command reaches a service that is bound to its container, and finds it ready."""
    client = fresh.with_service_binding("web", server(fresh).as_service())
    assert await fetch(client, "http://web:8000/") == "hello"


async def test_a_service_has_several_aliases(fresh: dagger.Container) -> None:
    """One service under two names is one address."""
    service = server(fresh).as_service()
    client = fresh.with_service_binding("one", service).with_service_binding("two", service)
    assert await client.with_exec(["python3", "-c", RESOLVE, "one", "two"]).stdout() == "1\n"


async def test_two_services_are_apart(fresh: dagger.Container) -> None:
    """Two different services have two addresses and their own answers."""
    one = server(fresh.with_env_variable("ANSWER", "1")).as_service()
    two = server(fresh.with_env_variable("ANSWER", "2")).as_service()
    client = fresh.with_service_binding("one", one).with_service_binding("two", two)
    assert (await fetch(client, "http://one:8000/"), await fetch(client, "http://two:8000/")) == ("1", "2")


async def test_a_binding_stays_for_later_executions(fresh: dagger.Container) -> None:
    """A binding holds for every later execution, not only for the next."""
    client = fresh.with_service_binding("web", server(fresh).as_service()).with_exec(["true"])
    assert await fetch(client, "http://web:8000/") == "hello"


async def test_a_service_of_a_service(fresh: dagger.Container) -> None:
    """A service can use another one."""
    back = server(fresh.with_env_variable("ANSWER", "deep")).as_service()
    front = (
        fresh.with_service_binding("back", back)
        .with_new_file(
            "/proxy.py",
            "import urllib.request as u\n"
            + SERVER.replace(
                "os.environ.get('ANSWER', 'hello').encode()",
                "u.build_opener(u.ProxyHandler({})).open('http://back:8000/').read()",
            ),
        )
        .with_exposed_port(9000)
        .as_service(args=["python3", "/proxy.py", "9000"])
    )
    assert await fetch(fresh.with_service_binding("front", front), "http://front:9000/") == "deep"


async def test_equal_services_are_one(fresh: dagger.Container, unique: str) -> None:
    """A service that two commands use at once is started once."""
    cache = dag.cache_volume(f"once-{unique}")
    command = "echo x >> /c/starts; exec python3 /server.py 8000"
    service = server(fresh).with_mounted_cache("/c", cache).as_service(args=["sh", "-c", command])
    clients = [fresh.with_env_variable("N", n).with_service_binding("web", service) for n in "12"]
    await asyncio.gather(*(fetch(client, "http://web:8000/") for client in clients))
    starts = fresh.with_mounted_cache("/c", cache).with_exec(["cat", "/c/starts"])
    assert await starts.stdout() == "x\n"


async def test_a_service_without_ports_starts_at_once(fresh: dagger.Container) -> None:
    """A service that exposes no port is ready as soon as it runs."""
    service = fresh.as_service(args=["sleep", "100"])
    client = fresh.with_service_binding("sleeper", service)
    assert await client.with_exec(["python3", "-c", RESOLVE, "sleeper"]).stdout() == "1\n"


async def test_the_default_command_of_a_service(fresh: dagger.Container) -> None:
    """A service runs the default arguments without the entrypoint, and with it on demand."""
    base = server(fresh).with_entrypoint(["false"], keep_default_args=True)
    assert await fetch(fresh.with_service_binding("web", base.as_service()), "http://web:8000/") == "hello"
    entry = server(fresh).with_entrypoint(["env", "ANSWER=entry"], keep_default_args=True)
    service = entry.as_service(use_entrypoint=True)
    assert await fetch(fresh.with_service_binding("web", service), "http://web:8000/") == "entry"


async def test_a_service_that_fails_fails_its_users(fresh: dagger.Container) -> None:
    """A service that ends before it is ready fails the command that needs it, with its output."""
    service = fresh.with_exposed_port(8000).as_service(args=["sh", "-c", "echo told >&2; exit 7"])
    with pytest.raises(dagger.ExecError) as caught:
        await fresh.with_service_binding("web", service).with_exec(["true"]).sync()
    assert caught.value.exit_code == 7
    assert "told" in caught.value.stderr


async def test_a_service_is_not_started_unless_it_is_needed(fresh: dagger.Container, unique: str) -> None:
    """Binding a service starts nothing; only an execution does."""
    cache = dag.cache_volume(f"needed-{unique}")
    service = fresh.with_mounted_cache("/c", cache).as_service(args=["sh", "-c", "touch /c/started; sleep 100"])
    bound = fresh.with_service_binding("s", service).with_new_file("/f", "x")
    assert await bound.file("/f").contents() == "x"
    assert await fresh.with_mounted_cache("/c", cache).with_exec(["ls", "/c"]).stdout() == ""


async def test_a_command_with_a_service_is_done_once(fresh: dagger.Container) -> None:
    """A command that used a service is not run again for the same one."""
    client = fresh.with_service_binding("web", server(fresh).as_service())
    stamp = client.with_exec(["cat", "/proc/sys/kernel/random/uuid"])
    assert await stamp.stdout() == await stamp.stdout()


async def test_an_execution_before_a_service_is_done_first(fresh: dagger.Container) -> None:
    """What a container ran before it became a service has ended, and its files are there."""
    prepared = server(fresh).with_exec(["sh", "-c", "sed -i s/hello/prepared/ /server.py"])
    assert await fetch(fresh.with_service_binding("web", prepared.as_service()), "http://web:8000/") == "prepared"


async def test_a_service_is_started_and_stopped(fresh: dagger.Container, unique: str) -> None:
    """A service that is started by hand runs until it is stopped, politely."""
    cache = dag.cache_volume(f"stop-{unique}")
    command = "trap 'echo stopped >> /c/log; exit 0' TERM; echo started >> /c/log; sleep 100 & wait"
    mounted = fresh.with_mounted_cache("/c", cache)
    service = mounted.as_service(args=["sh", "-c", command])
    await service.start()
    await mounted.with_exec(until("test -s /c/log")).sync()
    await service.stop()
    assert await mounted.with_exec(["cat", "/c/log"]).stdout() == "started\nstopped\n"


async def test_hostnames(fresh: dagger.Container) -> None:
    """A service has a name of its own, or the one that it is given, and an endpoint by it."""
    service = server(fresh).as_service()
    name = await service.hostname()
    assert await service.endpoint() == f"{name}:8000"
    assert await service.endpoint(port=8000, scheme="http") == f"http://{name}:8000"
    named = service.with_hostname("my-web")
    assert await named.hostname() == "my-web"
    assert await named.endpoint(scheme="tcp") == "tcp://my-web:8000"


async def test_a_given_hostname_is_reached(fresh: dagger.Container) -> None:
    """A started service is reached by the name that it was given, without a binding."""
    service = server(fresh).as_service().with_hostname("wide-open")
    await service.start()
    assert await fetch(fresh, "http://wide-open:8000/") == "hello"
    await service.stop()


async def test_ports_of_a_service(fresh: dagger.Container) -> None:
    """A service tells its ports."""
    ports = await server(fresh, 8123).as_service().ports()
    assert [await port.port() for port in ports] == [8123]


async def test_a_health_check_decides_when_a_service_is_ready(fresh: dagger.Container) -> None:
    """With a health check a service is ready when that passes."""
    service = (
        fresh.with_docker_healthcheck(["test", "-e", "/tmp/ready"], interval="100ms", retries=100)
        .with_exposed_port(8000)
        .as_service(args=["sh", "-c", "sleep 0.5; touch /tmp/ready; exec python3 -m http.server 8000"])
    )
    begin = asyncio.get_running_loop().time()
    await fresh.with_service_binding("web", service).with_exec(["true"]).sync()
    assert asyncio.get_running_loop().time() - begin >= 0.5


async def test_a_tunnel(fresh: dagger.Container) -> None:
    """A tunnel leads from a port of this machine to a service."""
    tunnel = await dag.host().tunnel(server(fresh).as_service()).start()
    try:
        answer = await fetch_here(await tunnel.endpoint(scheme="http"))
    finally:
        await tunnel.stop()
    assert answer == b"hello"


async def test_a_tunnel_to_a_chosen_port(fresh: dagger.Container) -> None:
    """A tunnel can lead to one port of several; a port of zero is any free one."""
    service = server(fresh).with_exposed_port(8001, experimental_skip_healthcheck=True).as_service()
    tunnel = await dag.host().tunnel(service, ports=[PortForward(backend=8000, frontend=0)]).start()
    try:
        (port,) = await tunnel.ports()
        answer = await fetch_here(f"http://127.0.0.1:{await port.port()}/")
    finally:
        await tunnel.stop()
    assert answer == b"hello"


async def test_a_service_that_ends_while_it_is_needed(fresh: dagger.Container, unique: str) -> None:
    """A command whose service ends while it runs fails."""
    mounted = fresh.with_mounted_cache("/c", dag.cache_volume(f"ends-{unique}"))
    service = mounted.as_service(args=["sh", "-c", "until test -e /c/began; do sleep 0.05; done; exit 3"])
    client = mounted.with_service_binding("s", service)
    with pytest.raises(dagger.QueryError, match=r"bound service .* exited.*: exit code: 3"):
        await client.with_exec(["sh", "-c", "touch /c/began; sleep 30"]).sync()


async def test_a_service_that_is_done_too_soon(fresh: dagger.Container) -> None:
    """A service that ends fails who needs it, even if all went well."""
    client = fresh.with_service_binding("s", fresh.as_service(args=["true"]))
    with pytest.raises(dagger.QueryError, match=r"bound service .* \(aliased as s\) exited"):
        await client.with_exec(["sleep", "30"]).sync()
    unready = fresh.with_exposed_port(8000).as_service(args=["true"])
    with pytest.raises(dagger.ExecError, match="exited before healthcheck") as caught:
        await fresh.with_service_binding("s", unready).with_exec(["true"]).sync()
    assert caught.value.exit_code == -1


async def test_a_service_that_cannot_be_started(fresh: dagger.Container) -> None:
    """A service whose program is not there fails as an execution of it would."""
    with pytest.raises(dagger.ExecError) as caught:
        await fresh.with_exposed_port(8000).as_service(args=["nosuchprogram"]).start()
    assert (caught.value.exit_code, caught.value.stderr.strip()) == (
        1,
        'exec: "nosuchprogram": executable file not found in $PATH',
    )


async def test_a_service_that_could_not_be_started(fresh: dagger.Container) -> None:
    """A service that is not waited for fails who needs it when its program is not there."""
    client = fresh.with_service_binding("s", fresh.as_service(args=["nosuchprogram"]))
    with pytest.raises(dagger.QueryError, match=r"bound service .* exited: exit code: 1"):
        await client.with_exec(["sleep", "30"]).sync()


async def test_services_see_their_files(fresh: dagger.Container) -> None:
    """A service has the mounts, user and working directory of its container."""
    service = (
        fresh.with_mounted_directory("/www", dag.directory().with_new_file("index.html", "mounted"))
        .with_workdir("/www")
        .with_user("nobody")
        .with_exposed_port(8000)
        .as_service(args=["python3", "-m", "http.server", "8000"])
    )
    assert await fetch(fresh.with_service_binding("web", service), "http://web:8000/") == "mounted"


async def test_a_database(fresh: dagger.Container) -> None:
    """PostgreSQL of its image is ready when a command begins."""
    database = (
        dag.container()
        .from_("postgres:17")
        .with_env_variable("POSTGRES_PASSWORD", "secret")
        .with_exposed_port(5432)
        .as_service(use_entrypoint=True)
    )
    client = dag.container().from_("postgres:17").with_service_binding("db", database)
    ran = client.with_env_variable("PGPASSWORD", "secret").with_exec(
        ["psql", "-h", "db", "-U", "postgres", "-At", "-c", "select 6 * 7"]
    )
    assert await ran.stdout() == "42\n"


async def test_a_store_of_keys(fresh: dagger.Container) -> None:
    """Redis of its image answers."""
    redis = dag.container().from_("redis:8").with_exposed_port(6379).as_service(use_entrypoint=True)
    client = dag.container().from_("redis:8").with_service_binding("redis", redis)
    assert await client.with_exec(["redis-cli", "-h", "redis", "ping"]).stdout() == "PONG\n"


async def test_a_service_that_starts_later_is_found(fresh: dagger.Container, unique: str) -> None:
    """A command that runs already finds a service by its name once that has started."""
    name = f"late-{unique[:8]}"
    mounted = fresh.with_mounted_cache("/c", dag.cache_volume(f"late-{unique}"))
    waits = mounted.with_exec(until(f"touch /c/began && getent hosts {name} > /dev/null && echo found"))
    waiting = asyncio.create_task(waits.stdout())
    await mounted.with_exec(until("test -e /c/began")).sync()
    service = await fresh.as_service(args=["sleep", "100"]).with_hostname(name).start()
    assert await waiting == "found\n"
    await service.stop(kill=True)
