"""An image's configuration: entrypoint, default arguments, labels, annotations, ports, health checks."""

from __future__ import annotations

import dagger
import pytest
from dagger import NetworkProtocol, dag


async def test_the_entrypoint_is_not_used_unless_asked_for(python: dagger.Container) -> None:
    """An execution runs its arguments alone, or behind the entrypoint on demand."""
    made = python.with_entrypoint(["echo", "entry"])
    assert await made.with_exec(["echo", "alone"]).stdout() == "alone\n"
    assert await made.with_exec(["more"], use_entrypoint=True).stdout() == "entry more\n"


async def test_default_arguments(python: dagger.Container) -> None:
    """An execution without arguments takes the default ones, behind the entrypoint on demand."""
    made = python.with_entrypoint(["echo", "entry"]).with_default_args(["echo", "default"])
    assert await made.with_exec([]).stdout() == "default\n"
    assert await made.with_exec([], use_entrypoint=True).stdout() == "entry echo default\n"


async def test_arguments_replace_the_default_ones(python: dagger.Container) -> None:
    """Arguments that are given come in place of the default ones."""
    made = python.with_default_args(["echo", "default"])
    assert await made.with_exec(["echo", "given"]).stdout() == "given\n"


async def test_an_entrypoint_resets_default_arguments(python: dagger.Container) -> None:
    """A new entrypoint, or its removal, drops the default arguments unless they are to be kept."""
    made = python.with_default_args(["x"])
    assert await made.with_entrypoint(["e"]).default_args() == []
    assert await made.with_entrypoint(["e"], keep_default_args=True).default_args() == ["x"]
    assert await made.without_entrypoint().default_args() == []
    assert await made.without_entrypoint(keep_default_args=True).default_args() == ["x"]


async def test_entrypoint_and_default_arguments_are_told(python: dagger.Container) -> None:
    """Both are told as they were set, and can be removed."""
    made = python.with_entrypoint(["a", "b c"]).with_default_args(["d"])
    assert (await made.entrypoint(), await made.default_args()) == (["a", "b c"], ["d"])
    bare = made.without_default_args().without_entrypoint()
    assert (await bare.entrypoint(), await bare.default_args()) == ([], [])


async def test_the_images_default_arguments(python: dagger.Container) -> None:
    """The default arguments of an image are there."""
    assert await python.default_args() == ["python3"]
    assert await python.entrypoint() == []


async def test_labels() -> None:
    """Labels are set, replaced, removed, told one by one and together."""
    made = dag.container().with_label("b", "1").with_label("a", "2").with_label("b", "3").with_label("c", "4")
    made = made.without_label("c")
    assert (await made.label("b"), await made.label("c")) == ("3", None)
    assert {await each.name(): await each.value() for each in await made.labels()} == {"a": "2", "b": "3"}


async def test_ports() -> None:
    """Exposed ports are told with protocol and description, and can be removed."""
    made = (
        dag.container()
        .with_exposed_port(80, description="web")
        .with_exposed_port(53, protocol=NetworkProtocol.UDP)
        .with_exposed_port(81)
        .without_exposed_port(81)
    )
    told = [(await p.port(), await p.protocol(), await p.description()) for p in await made.exposed_ports()]
    assert sorted(told) == [(53, NetworkProtocol.UDP, None), (80, NetworkProtocol.TCP, "web")]


async def test_a_port_has_protocols() -> None:
    """One number can be exposed for both protocols, and is removed for one of them."""
    made = dag.container().with_exposed_port(53).with_exposed_port(53, protocol=NetworkProtocol.UDP)
    assert len(await made.exposed_ports()) == 2
    (left,) = await made.without_exposed_port(53).exposed_ports()
    assert await left.protocol() == NetworkProtocol.UDP


async def test_a_health_check_is_told() -> None:
    """A health check is told as it was set."""
    made = dag.container().with_docker_healthcheck(
        ["curl", "localhost"], interval="5s", timeout="3s", start_period="1m", retries=4
    )
    check = made.docker_healthcheck()
    assert await check.args() == ["curl", "localhost"]
    assert await check.shell() is False
    assert (await check.interval(), await check.timeout(), await check.start_period()) == ("5s", "3s", "1m0s")
    assert await check.retries() == 4


async def test_a_health_check_without_details() -> None:
    """What a health check leaves open is zero."""
    check = dag.container().with_docker_healthcheck(["true"]).docker_healthcheck()
    assert (await check.interval(), await check.timeout(), await check.retries()) == ("0s", "0s", 0)
    assert (await check.start_period(), await check.start_interval()) == ("0s", "0s")


@pytest.mark.parametrize(
    ("args", "shell", "interval", "message"),
    [
        pytest.param([], False, "", "args is missing", id="no command"),
        pytest.param(["a", "b"], True, "", "must be a single element when shell mode is set", id="two shell lines"),
        pytest.param(["a"], False, "soon", 'invalid duration "soon"', id="no duration"),
    ],
)
async def test_a_health_check_that_is_none(args: list[str], shell: bool, interval: str, message: str) -> None:
    """What is no health check is told."""
    with pytest.raises(dagger.QueryError, match=message):
        await dag.container().with_docker_healthcheck(args, shell=shell, interval=interval).sync()


async def test_a_health_check_in_a_shell() -> None:
    """A health check for a shell has one argument."""
    check = dag.container().with_docker_healthcheck(["exit 0"], shell=True).docker_healthcheck()
    assert (await check.args(), await check.shell()) == (["exit 0"], True)


async def test_the_platform(python: dagger.Container) -> None:
    """A container has the platform of the engine unless another is asked for."""
    assert await python.platform() == await dag.default_platform()


async def test_an_image_reference(python: dagger.Container) -> None:
    """The reference of an image is whole, and is lost when the container's configuration changes."""
    reference = await python.image_ref()
    assert reference.startswith("docker.io/library/python:3.13-slim@sha256:")
    with pytest.raises(dagger.QueryError, match="Image reference can only be retrieved immediately after"):
        await python.with_env_variable("A", "b").image_ref()


async def test_the_user_and_the_working_directory_of_an_image(python: dagger.Container) -> None:
    """An image without a user and working directory has empty ones."""
    assert (await python.user(), await python.workdir()) == ("", "")


async def test_configuration_survives_executions(python: dagger.Container) -> None:
    """Executions leave the configuration alone."""
    made = python.with_label("l", "1").with_entrypoint(["e"]).with_user("nobody").with_workdir("/tmp")
    ran = made.with_exec(["true"])
    assert await ran.label("l") == "1"
    assert (await ran.entrypoint(), await ran.user(), await ran.workdir()) == (["e"], "nobody", "/tmp")


async def test_configuration_goes_with_a_new_image(python: dagger.Container) -> None:
    """Taking another image drops the files and keeps added variables and labels."""
    made = python.with_label("mine", "1").with_new_file("/mine", "").from_("python:3.13-slim")
    assert await made.label("mine") == "1"
    assert not await made.exists("/mine")
