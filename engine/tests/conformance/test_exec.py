"""Executions: commands, their results, and what one leaves for the next."""

from __future__ import annotations

import dagger
import pytest
from dagger import ReturnType, dag


async def test_output_is_kept_whole(python: dagger.Container) -> None:
    """Standard output comes back byte for byte, its line ends included."""
    assert await python.with_exec(["printf", "a\\nb\\n\\n"]).stdout() == "a\nb\n\n"


async def test_streams_are_apart(python: dagger.Container) -> None:
    """Each stream holds only what was written to it."""
    ran = python.with_exec(["sh", "-c", "echo out; echo err >&2"])
    assert (await ran.stdout(), await ran.stderr()) == ("out\n", "err\n")


async def test_combined_output_has_both(python: dagger.Container) -> None:
    """The combined output holds both streams in the order in which they came."""
    ran = python.with_exec(["sh", "-c", "echo one; sleep 0.2; echo two >&2; sleep 0.2; echo three"])
    assert await ran.combined_output() == "one\ntwo\nthree\n"


async def test_arguments_are_no_shell_words(python: dagger.Container) -> None:
    """Arguments reach the program as they are: no expansion, no splitting, empty ones kept."""
    ran = python.with_exec(["printf", "[%s]", "a b", "$HOME", "*", "", "'"])
    assert await ran.stdout() == "[a b][$HOME][*][][']"


async def test_files_stay_for_the_next_execution(python: dagger.Container) -> None:
    """An execution finds the files that the one before it wrote."""
    first = python.with_exec(["sh", "-c", "echo kept > /tmp/file"])
    assert await first.with_exec(["cat", "/tmp/file"]).stdout() == "kept\n"


async def test_output_is_that_of_the_last_execution(python: dagger.Container) -> None:
    """The output asked of a chain is its last execution's."""
    assert await python.with_exec(["echo", "one"]).with_exec(["echo", "two"]).stdout() == "two\n"


async def test_output_survives_later_changes(python: dagger.Container) -> None:
    """A file or variable added after an execution leaves its output alone."""
    later = python.with_exec(["echo", "ran"]).with_new_file("/x", "x").with_env_variable("A", "b")
    assert await later.stdout() == "ran\n"


async def test_output_survives_another_image(python: dagger.Container) -> None:
    """Another image or root after an execution leaves its output alone."""
    ran = python.with_exec(["echo", "ran"])
    assert await ran.from_("python:3.13-slim").stdout() == "ran\n"
    assert await ran.with_rootfs(dag.directory()).stdout() == "ran\n"


async def test_processes_do_not_outlive_an_execution(python: dagger.Container) -> None:
    """A process that is left in the background is gone for the next execution."""
    first = python.with_exec(["sh", "-c", "sleep 1000 & echo $! > /tmp/pid"])
    ran = first.with_exec(["sh", "-c", "cat /proc/[0-9]*/comm | grep -c '^sleep$' || true"])
    assert await ran.stdout() == "0\n"


async def test_an_init_reaps_what_is_left(python: dagger.Container) -> None:
    """The command is not process 1: an init stands before it."""
    assert await python.with_exec(["sh", "-c", "test $$ -ne 1 && echo child"]).stdout() == "child\n"


async def test_without_init_the_command_is_process_1(python: dagger.Container) -> None:
    """`no_init` makes the command process 1."""
    assert await python.with_exec(["sh", "-c", "echo $$"], no_init=True).stdout() == "1\n"


@pytest.mark.parametrize("code", [1, 3, 127])
async def test_any_exit_code_can_be_asked_for(python: dagger.Container, code: int) -> None:
    """With `expect` ANY a failing command is a result with its code."""
    ran = python.with_exec(["sh", "-c", f"echo told; exit {code}"], expect=ReturnType.ANY)
    assert (await ran.exit_code(), await ran.stdout()) == (code, "told\n")


async def test_an_expected_failure_keeps_its_files(python: dagger.Container) -> None:
    """What a failing command wrote is there when the failure was expected."""
    ran = python.with_exec(["sh", "-c", "echo report > /report; exit 1"], expect=ReturnType.FAILURE)
    assert await ran.file("/report").contents() == "report\n"


async def test_success_where_failure_is_expected_is_an_error(python: dagger.Container) -> None:
    """With `expect` FAILURE a command that succeeds fails the request."""
    with pytest.raises(dagger.ExecError) as caught:
        await python.with_exec(["true"], expect=ReturnType.FAILURE).sync()
    assert caught.value.exit_code == 0


async def test_success_has_code_0(python: dagger.Container) -> None:
    """The exit code of a command that succeeded is 0."""
    assert await python.with_exec(["true"]).exit_code() == 0


async def test_a_setuid_program_gains_its_owner(python: dagger.Container) -> None:
    """Privileges can be gained: a setuid program runs as its owner."""
    copy = python.with_exec(["sh", "-c", "cp /usr/bin/id /id && chmod u+s /id"])
    assert await copy.with_user("1234").with_exec(["/id", "-u"]).stdout() == "0\n"


async def test_ordinary_capabilities(python: dagger.Container) -> None:
    """Root in a container has the default capabilities of containers and not those of the machine."""
    ran = python.with_exec(["sh", "-c", "grep CapEff /proc/self/status | cut -f2"])
    assert await ran.stdout() == "00000000a80425fb\n"


async def test_insecure_root_capabilities(python: dagger.Container) -> None:
    """With `insecure_root_capabilities` root may mount file systems."""
    ran = python.with_exec(["sh", "-c", "mount -t tmpfs none /mnt && echo mounted"], insecure_root_capabilities=True)
    assert await ran.stdout() == "mounted\n"


async def test_a_program_runs_from_scratch(python: dagger.Container) -> None:
    """A container without an image runs a program that needs nothing else."""
    alone = dag.container().with_file("/alone", python.file("/sbin/ldconfig"))
    assert "GLIBC" in await alone.with_exec(["/alone", "--version"]).stdout()


async def test_a_program_that_lacks_something(python: dagger.Container) -> None:
    """A container without an image lacks what an ordinary program needs."""
    alone = dag.container().with_file("/alone", python.file("/bin/ls"))
    with pytest.raises(dagger.ExecError, match="exit code: 1") as caught:
        await alone.with_exec(["/alone"]).sync()
    assert caught.value.stderr == "fork/exec /alone: no such file or directory"


async def test_the_hostname_can_be_resolved(python: dagger.Container) -> None:
    """A container knows itself by localhost."""
    ran = python.with_exec(["python3", "-c", "import socket; print(socket.gethostbyname('localhost'))"])
    assert await ran.stdout() == "127.0.0.1\n"


async def test_proc_sys_and_dev_are_there(python: dagger.Container) -> None:
    """The usual devices exist."""
    ran = python.with_exec(
        ["sh", "-c", "for d in null zero full random urandom tty; do test -c /dev/$d && echo $d; done"]
    )
    assert await ran.stdout() == "null\nzero\nfull\nrandom\nurandom\ntty\n"


async def test_sys_cannot_be_written(python: dagger.Container) -> None:
    """/sys is read-only."""
    ran = python.with_exec(["sh", "-c", "mkdir /sys/x 2>&1"], expect=ReturnType.ANY)
    assert "Read-only file system" in await ran.stdout()


async def test_a_long_chain(python: dagger.Container) -> None:
    """Twenty executions stack up, each on the files of the one before."""
    chain = python
    for number in range(20):
        chain = chain.with_exec(["sh", "-c", f"echo {number} >> /log"])
    assert (await chain.file("/log").contents()).split() == [str(number) for number in range(20)]
