"""How a command is started, and what it finds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import dagger
import pytest
from dagger import ReturnType, dag

Failure = Callable[[Awaitable[object]], Awaitable[str]]
ExecutionFailure = Callable[[Awaitable[object]], Awaitable[tuple[int, str, str]]]


async def test_the_entrypoint_alone(python: dagger.Container) -> None:
    """An execution without arguments that uses the entrypoint runs just that."""
    assert await python.with_entrypoint(["echo", "e"]).with_exec([], use_entrypoint=True).stdout() == "e\n"


async def test_the_entrypoint_with_default_arguments(python: dagger.Container) -> None:
    """The default arguments follow the entrypoint."""
    assert (
        await python.with_entrypoint(["echo", "e"]).with_default_args(["d"]).with_exec([], use_entrypoint=True).stdout()
        == "e d\n"
    )


async def test_no_entrypoint_to_use(python: dagger.Container) -> None:
    """Using the entrypoint where there is none changes nothing."""
    assert await python.with_exec(["echo", "x"], use_entrypoint=True).stdout() == "x\n"


async def test_default_arguments_are_the_command(python: dagger.Container) -> None:
    """An execution without arguments runs the default ones."""
    assert await python.with_default_args(["echo", "default"]).with_exec([]).stdout() == "default\n"


async def test_an_expected_failure_has_output(python: dagger.Container) -> None:
    """An expected failure has its code and both streams."""
    ran = python.with_exec(["sh", "-c", "echo out; echo err >&2; exit 2"], expect=ReturnType.FAILURE)
    assert await ran.exit_code() == 2
    assert await ran.stdout() == "out\n"
    assert await ran.stderr() == "err\n"


async def test_no_exit_code_of_nothing(python: dagger.Container, failure: Failure) -> None:
    """There is no exit code before anything ran."""
    assert await failure(python.exit_code()) == "no command has been set"


async def test_no_output_of_nothing(python: dagger.Container, failure: Failure) -> None:
    """There is no output before anything ran."""
    assert await failure(python.stdout()) == "no command has been set"
    assert await failure(python.stderr()) == "no command has been set"
    assert await failure(python.combined_output()) == "no command has been set"


async def test_no_output_of_scratch(failure: Failure) -> None:
    """An empty container has no output."""
    assert await failure(dag.container().stdout()) == "no command has been set"


async def test_the_entrypoint_is_in_the_error(python: dagger.Container) -> None:
    """The command of an error has the entrypoint."""
    with pytest.raises(dagger.ExecError) as caught:
        await python.with_entrypoint(["sh", "-c"]).with_exec(["exit 4"], use_entrypoint=True).sync()
    assert (caught.value.command, caught.value.exit_code) == (["sh", "-c", "exit 4"], 4)


async def test_all_capabilities(python: dagger.Container) -> None:
    """With all capabilities root has those of containers and the engine's own, which a machine may have cut."""
    ran = python.with_exec(["sh", "-c", "grep CapEff /proc/self/status | cut -f2"], insecure_root_capabilities=True)
    capabilities = int(await ran.stdout(), 16)
    administration = 1 << 12 | 1 << 19 | 1 << 21  # of networks, of processes and of the system
    assert capabilities & (0xA80425FB | administration) == 0xA80425FB | administration


async def test_capabilities_of_a_user(python: dagger.Container) -> None:
    """An ordinary user has no capability, and may gain those of containers."""
    ran = python.with_user("nobody").with_exec(
        [
            "sh",
            "-c",
            "grep -E 'Cap(Eff|Prm|Inh|Bnd|Amb)' /proc/self/status; grep NoNewPrivs /proc/self/status; grep Seccomp: /proc/self/status",
        ]
    )
    assert (
        await ran.stdout()
        == "CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapBnd:\t00000000a80425fb\nCapAmb:\t0000000000000000\nNoNewPrivs:\t0\nSeccomp:\t2\n"
    )


async def test_capabilities_of_root(python: dagger.Container) -> None:
    """Root has the capabilities of containers and none ambient."""
    ran = python.with_exec(
        [
            "sh",
            "-c",
            "grep -E 'Cap(Eff|Prm|Inh|Bnd|Amb)' /proc/self/status; grep NoNewPrivs /proc/self/status; grep Seccomp: /proc/self/status",
        ]
    )
    assert (
        await ran.stdout()
        == "CapInh:\t0000000000000000\nCapPrm:\t00000000a80425fb\nCapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\nCapAmb:\t0000000000000000\nNoNewPrivs:\t0\nSeccomp:\t2\n"
    )


async def test_the_root_is_the_working_directory(python: dagger.Container) -> None:
    """Without a working directory a command runs in the root."""
    assert await python.with_exec(["pwd"]).stdout() == "/\n"


async def test_a_container_has_a_hostname(python: dagger.Container) -> None:
    """A container has a host name."""
    assert len(await python.with_exec(["cat", "/proc/sys/kernel/hostname"]).stdout()) > 1


async def test_modes_of_places_everybody_uses(python: dagger.Container) -> None:
    """The root, /tmp, /etc/hosts and /dev/shm have their usual modes."""
    assert (
        await python.with_exec(
            ["stat", "-c", "%a %u:%g", "/", "/tmp", "/etc/hosts", "/etc/resolv.conf", "/dev/shm", "/root"]
        ).stdout()
        == "755 0:0\n1777 0:0\n644 0:0\n644 0:0\n1777 0:0\n700 0:0\n"
    )


async def test_devices(python: dagger.Container) -> None:
    """The usual devices are there and no others, but for a link to the kernel's memory where a machine has that."""
    listed = (await python.with_exec(["ls", "/dev"]).stdout()).split()
    assert [name for name in listed if name != "core"] == (
        [
            "fd",
            "full",
            "mqueue",
            "null",
            "ptmx",
            "pts",
            "random",
            "shm",
            "stderr",
            "stdin",
            "stdout",
            "tty",
            "urandom",
            "zero",
        ]
    )


async def test_a_missing_program_can_be_expected(python: dagger.Container) -> None:
    """A program that is not there fails with 1, which can be expected."""
    assert await python.with_exec(["nothing-here", "x"], expect=ReturnType.ANY).exit_code() == 1


async def test_a_program_by_a_relative_path(python: dagger.Container) -> None:
    """A program is found by a path relative to the working directory."""
    made = python.with_new_file("/w/s", "#!/bin/sh\necho ran\n", permissions=0o755).with_workdir("/w")
    assert await made.with_exec(["./s"]).stdout() == "ran\n"


async def test_a_program_by_its_name(python: dagger.Container) -> None:
    """A program is found in the container's PATH."""
    made = python.with_new_file("/w/s", "#!/bin/sh\necho ran\n", permissions=0o755).with_env_variable(
        "PATH", "/w:/usr/bin:/bin"
    )
    assert await made.with_exec(["s"]).stdout() == "ran\n"


async def test_long_arguments(python: dagger.Container) -> None:
    """An argument may have a hundred thousand characters."""
    assert len(await python.with_exec(["echo", "x" * 100_000]).stdout()) == 100001


async def test_arguments_of_any_characters(python: dagger.Container) -> None:
    """Line ends, tabs, backslashes and letters of all kinds reach a program."""
    assert await python.with_exec(["printf", "%s", "a\nb\tc\\n\u00e9\U0001f600"]).stdout() == "a\nb\tc\\né😀"


async def test_the_command_without_init(python: dagger.Container) -> None:
    """Without an init the first process is the command."""
    assert await python.with_exec(["cat", "/proc/1/comm"], no_init=True).stdout() == "cat\n"


async def test_a_script_without_an_interpreter(fresh: dagger.Container, execution_failure: ExecutionFailure) -> None:
    """A script that names no interpreter cannot be started."""
    assert await execution_failure(
        fresh.with_new_file("/s", "echo hi\n", permissions=0o755).with_exec(["/s"]).sync()
    ) == (1, "", "fork/exec /s: exec format error")


async def test_a_script_without_an_interpreter_by_its_name(
    fresh: dagger.Container, execution_failure: ExecutionFailure
) -> None:
    """Nor can one that is found by its name."""
    assert await execution_failure(
        fresh.with_new_file("/usr/bin/sss", "echo hi\n", permissions=0o755).with_exec(["sss"]).sync()
    ) == (1, "", "fork/exec /usr/bin/sss: exec format error")
