"""Running one program to its end: what it gets, what it gives back, and how its failures are told apart."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from embedded_engine.sandbox import SandboxError, StartError

if TYPE_CHECKING:
    from engine.tests.sandbox.conftest import Bench


async def test_output_and_exit_code(bench: Bench) -> None:
    """Both streams reach their own file, and the exit code is the program's."""
    ran = await bench.shell("echo out; echo err >&2; exit 3")
    assert (ran.exit.code, ran.exit.signal, ran.stdout, ran.stderr) == (3, None, "out\n", "err\n")


@pytest.mark.parametrize("free", range(95, 101))
async def test_files_that_the_engine_has_open(bench: Bench, free: int) -> None:
    """Whatever number is free in the engine for the supervisor's socket, a container runs."""
    with contextlib.ExitStack() as stack:
        held = 0
        while held < free - 1:
            held = os.open(os.devnull, os.O_RDONLY)
            stack.callback(os.close, held)
        assert (await bench.run("true")).exit.code == 0


async def test_both_streams_into_one_file(bench: Bench) -> None:
    """Standard output and error may go to the same file, and none of it is lost."""
    both = bench.directory / "both"
    await bench.shell("echo one; echo two >&2; echo three", stdout=both, stderr=both)
    assert sorted(both.read_text().split()) == ["one", "three", "two"]


async def test_writing_to_dev_stdout_keeps_what_was_written(bench: Bench) -> None:
    """A program that opens /dev/stdout, even as an ordinary user, appends as it would to a pipe."""
    ran = await bench.shell("echo one; echo two > /dev/stdout; echo bad > /dev/stderr; echo three", uid=1000, gid=1000)
    assert (ran.stdout, ran.stderr) == ("one\ntwo\nthree\n", "bad\n")


async def test_huge_output(bench: Bench) -> None:
    """A hundred megabytes arrive whole."""
    spec = bench.spec("/bin/sh", "-c", "yes 0123456789abcde | head -c 100000000")
    assert (await bench.sandbox.run(spec)).code == 0
    assert spec.stdout.stat().st_size == 100_000_000


async def test_output_into_a_named_pipe(bench: Bench) -> None:
    """A slow reader of a named pipe makes the program wait, and other containers do not wait with it."""
    pipe = bench.directory / "pipe"
    os.mkfifo(pipe)
    with os.fdopen(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK), "rb") as reader:
        os.set_blocking(reader.fileno(), True)
        service = await bench.start("/bin/sh", "-c", "head -c 1000000 /dev/zero", stdout=pipe)
        assert (await bench.shell("echo meanwhile")).stdout == "meanwhile\n"
        received = await asyncio.to_thread(reader.read)
    assert ((await service.wait()).code, len(received)) == (0, 1_000_000)


async def test_standard_input_from_bytes(bench: Bench) -> None:
    """The program reads the bytes that it was given, then the end."""
    assert (await bench.run("/bin/cat", stdin=b"one\ntwo\n")).stdout == "one\ntwo\n"


async def test_standard_input_from_a_file_that_is_left_alone(bench: Bench) -> None:
    """A file of the host is read, and neither its owner nor its place changes, whoever reads it."""
    source = bench.directory / "input"
    source.write_bytes(b"x" * 1_000_000)
    ran = await bench.shell("wc -c", stdin=source, uid=1000, gid=1000)
    assert (ran.stdout.strip(), source.stat().st_uid) == ("1000000", 0)


async def test_standard_input_that_nobody_reads(bench: Bench) -> None:
    """A program that ends without reading its input ends as it likes."""
    assert (await bench.run("/bin/true", stdin=b"x" * 1_000_000)).exit.code == 0


async def test_no_standard_input(bench: Bench) -> None:
    """Without an input the program reads the end at once."""
    assert (await bench.run("/bin/cat")).stdout == ""


async def test_a_big_environment(bench: Bench) -> None:
    """Hundreds of kilobytes of variables arrive, with any character that a variable may hold."""
    env = tuple((f"V{number}", "ä\n$'\"" * 1000) for number in range(50))
    ran = await bench.run(
        bench.python, "-c", "import os; print(sum(len(v) for n, v in os.environ.items() if n[0] == 'V'))", env=env
    )
    assert ran.stdout == "250000\n"


async def test_path_is_given_when_it_is_not_set(bench: Bench) -> None:
    """Programs are found without a PATH, on the usual one."""
    assert (await bench.run("printenv", "PATH")).stdout.startswith("/usr/local/sbin:/usr/local/bin:")


async def test_an_ordinary_user(bench: Bench) -> None:
    """The program has the user and the groups that were asked for and no capability."""
    ran = await bench.shell("id -u; id -g; id -G; grep CapEff /proc/self/status", uid=1000, gid=1001, groups=(44, 45))
    assert ran.stdout.split() == ["1000", "1001", "1001", "44", "45", "CapEff:", "0000000000000000"]


async def test_setuid_programs_work(bench: Bench) -> None:
    """A setuid program gets its owner's rights, as on the real engine."""
    lower = bench.directory / "setuid"
    (lower / "opt").mkdir(parents=True)
    shutil.copy("/usr/bin/id", lower / "opt/id")
    (lower / "opt/id").chmod(0o4755)
    ran = await bench.run("/opt/id", uid=1000, gid=1000, rootfs=bench.overlay(bench.skeleton, lower))
    assert "euid=0" in ran.stdout


async def test_root_has_the_usual_capabilities_only(bench: Bench) -> None:
    """Root may change owners and not mount; the seccomp filter is on."""
    ran = await bench.shell(
        "touch /f; chown 5:6 /f; stat -c %u:%g /f; mount -t tmpfs x /opt || echo no; grep Seccomp: /proc/self/status"
    )
    assert ran.stdout.split() == ["5:6", "no", "Seccomp:", "2"]


async def test_insecure_root_capabilities(bench: Bench) -> None:
    """With insecure root capabilities the program may mount."""
    ran = await bench.shell("mount -t tmpfs x /opt && echo yes", insecure_root_capabilities=True)
    assert ran.stdout == "yes\n", ran.stderr


async def test_system_directories(bench: Bench) -> None:
    """Devices, a writable /dev/shm, pseudo terminals, a read-only /sys; the kernel's secrets are masked."""
    script = """
    echo x > /dev/null; head -c 1 /dev/urandom | wc -c; echo x > /dev/shm/f; test -c /dev/ptmx
    test -d /dev/mqueue; mkdir /sys/x 2>/dev/null || echo read-only; ls /sys/firmware | wc -l
    echo 1 2>/dev/null > /proc/sys/kernel/panic || echo masked; hostname
    """
    assert (await bench.shell(script)).stdout.split() == ["1", "read-only", "0", "masked", "dagger"]


async def test_init_is_the_first_process_unless_refused(bench: Bench) -> None:
    """An init reaps orphans; without one the program itself is the first process."""
    assert (await bench.shell("cat /proc/1/comm")).stdout == ".init\n"
    assert (await bench.shell("cat /proc/1/comm", init=False)).stdout == "sh\n"


async def test_a_missing_working_directory_is_made_for_the_user(bench: Bench) -> None:
    """The working directory comes into being, with its parents, and belongs to the user."""
    ran = await bench.shell("pwd; stat -c %u .; stat -c %u ..; touch here", cwd="/home/new/deep", uid=1000, gid=1000)
    assert ran.stdout.split() == ["/home/new/deep", "1000", "1000"]
    assert ran.written == ["home", "home/new", "home/new/deep", "home/new/deep/here"]


@pytest.mark.parametrize("init", [True, False], ids=["with an init", "without an init"])
async def test_an_unknown_program(bench: Bench, init: bool) -> None:
    """What is not on the PATH is an error of its own, in the real engine's words, which the log has as well."""
    spec = bench.spec("nope", init=init)
    with pytest.raises(StartError, match=r'exec: "nope": executable file not found in \$PATH'):
        await bench.sandbox.run(spec)
    assert spec.stderr.read_text() == 'exec: "nope": executable file not found in $PATH\n'


@pytest.mark.parametrize("init", [True, False], ids=["with an init", "without an init"])
async def test_a_program_by_a_path_that_is_not_there(bench: Bench, init: bool) -> None:
    """A path that leads nowhere is an error that names it."""
    with pytest.raises(StartError, match="/opt/nope: no such file or directory"):
        await bench.run("/opt/nope", init=init)


async def test_a_program_that_says_127_itself_is_no_start_error(bench: Bench) -> None:
    """A shell that does not find a command has run: its exit code and its words are its own."""
    ran = await bench.run("/bin/sh", "-c", "nope")
    assert ran.exit.code == 127
    assert "nope" in ran.stderr


async def test_a_working_directory_that_is_a_file(bench: Bench) -> None:
    """A working directory that cannot be one is an error in one line."""
    with pytest.raises(SandboxError, match="working directory /etc/passwd/x: Not a directory") as caught:
        await bench.run("true", cwd="/etc/passwd/x")
    assert "\n" not in str(caught.value)


async def test_killed_by_a_signal(bench: Bench) -> None:
    """The exit code is 128 and the signal's number, as a shell has it."""
    assert (await bench.shell("kill -9 $$")).exit.code == 137


async def test_out_of_memory(bench: Bench) -> None:
    """A container over its bound is killed, and its exit says why."""
    ran = await bench.run(bench.python, "-c", "bytearray(500_000_000)", memory=50_000_000)
    assert (ran.exit.code, ran.exit.oom_killed) == (137, True)


async def test_a_child_out_of_memory(bench: Bench) -> None:
    """A program that outlives the child that was killed ends as it likes; that memory ran out is told as well."""
    script = f"{bench.python} -c 'bytearray(500_000_000)'; echo child $?; exit 3"
    ran = await bench.run("/bin/sh", "-c", script, memory=50_000_000)
    assert (ran.exit.code, ran.exit.oom_killed) == (3, True)
    assert "child 137" in ran.stdout


async def test_background_processes_end_with_the_program(bench: Bench) -> None:
    """A program that leaves others behind is done when it is done."""
    ran = await bench.shell("(trap '' TERM; sleep 600) & echo started")
    assert (ran.stdout, ran.exit.seconds < 10) == ("started\n", True)


async def test_an_output_that_cannot_be_written(bench: Bench) -> None:
    """A full disk is told in one line."""
    with pytest.raises(SandboxError, match="output of a container cannot be written: No space left on device"):
        await bench.run("/bin/echo", "x", stdout=Path("/dev/full"))


async def test_an_output_file_in_no_directory(bench: Bench) -> None:
    """An output that cannot be opened is an error that names it."""
    with pytest.raises(SandboxError, match="/nowhere/out: No such file or directory"):
        await bench.run("true", stdout=Path("/nowhere/out"))


async def test_two_containers_of_one_name(bench: Bench) -> None:
    """While a container runs no other can have its name."""
    service = await bench.start("/bin/sleep", "600", id="same")
    with pytest.raises(SandboxError, match="a container same runs already"):
        await bench.run("true", id="same")
    await service.stop(timeout=0)
    assert (await bench.run("true", id="same")).exit.code == 0


def test_this_machine_has_a_name() -> None:
    """The container's host name above differs from the machine's, or the test would say nothing."""
    assert socket.gethostname() != "dagger"
