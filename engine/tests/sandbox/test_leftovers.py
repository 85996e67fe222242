"""Whatever ends a session, nothing of it stays: no process, mount, network namespace or control group."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from embedded_engine.sandbox import ContainerSpec, Overlay, SandboxError, StartError, cgroups

if TYPE_CHECKING:
    from engine.tests.sandbox.conftest import Bench, Eventually

ENGINE = """
import asyncio, sys
from pathlib import Path
from embedded_engine.sandbox import BindMount, ContainerSpec, Overlay, Sandbox

async def main(place, skeleton, marker):
    sandbox = Sandbox(place / "store", print)
    def spec(name):
        (place / name / "upper").mkdir(parents=True)
        (place / name / "work").mkdir()
        overlay = Overlay((Path(skeleton),), place / name / "upper", place / name / "work")
        args = ("/bin/sh", "-c", "trap '' TERM INT HUP; sleep 600; : " + marker)
        usr = BindMount(Path("/usr"), "/usr", True)
        return ContainerSpec(name, overlay, args, place / name / "out", place / name / "err", mounts=(usr,))
    try:
        await sandbox.start(spec("service"))
        print("up", flush=True)
        await sandbox.run(spec("run"))
    finally:
        await sandbox.close()
        print("closed", flush=True)

try:
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
except KeyboardInterrupt:
    sys.exit(130)
"""


def _processes(marker: str) -> list[int]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if marker.encode() in (process / "cmdline").read_bytes():
                found.append(int(process.name))
        except OSError:
            continue
    return found


def _mounts_below(place: Path) -> list[str]:
    """Every mount below a directory, in whatever mount namespace there is."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            lines = (process / "mountinfo").read_text().splitlines()
        except OSError:
            continue
        found += [line for line in lines if str(place) in line]
    return found


def _children(pid: int | None = None) -> list[int]:
    pid = pid or os.getpid()
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _state(store: Path) -> tuple[int, int, list[str]]:
    """How many files and mounts the supervisor of a store has, and what is in its memory."""
    supervisor = _processes(str(store))[-1]
    run = Path(f"/proc/{supervisor}/root{store}/sandbox/run")
    left = sorted(str(path.relative_to(run)) for path in run.rglob("*"))
    return len(list(Path(f"/proc/{supervisor}/fd").iterdir())), len(_mounts_below(store)), left


def _settled(store: Path) -> tuple[int, int, list[str]]:
    """The supervisor's state when two looks at it find the same."""
    before = None
    while before != (now := _state(store)):
        before = now
        time.sleep(0.3)
    return now


def _groups(pid: int) -> list[Path]:
    root = Path("/sys/fs/cgroup")
    return [*root.glob(f"ci-engine-{pid}-*"), *root.glob(f"*/ci-engine-{pid}-*")]


@pytest.fixture
def marker() -> str:
    """A word that only the processes of one test have in their command lines."""
    return f"marker-{uuid.uuid4()}"


@pytest.fixture
def engine(
    tmp_path: Path, skeleton: Path, marker: str, eventually: Eventually
) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Starts an engine in a process of its own, with a service and an execution under way."""
    if os.geteuid() != 0:
        pytest.skip("the sandbox is tried as root here")

    started: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", ENGINE, str(tmp_path), str(skeleton), marker], stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        assert eventually(lambda: len(_processes(marker)) >= 4)
        return process

    yield start
    for process in started:
        process.kill()
        _end(process)


def _end(process: subprocess.Popen[str]) -> int:
    with process:
        return process.wait(20)


def test_kill_minus_nine_of_the_engine(
    engine: Callable[[], subprocess.Popen[str]], tmp_path: Path, marker: str, eventually: Eventually
) -> None:
    """The kernel ends everything at once; the control groups go when the next session starts, and not before."""
    process = engine()
    process.kill()
    _end(process)
    assert eventually(lambda: not _processes(marker))
    assert eventually(lambda: not _processes(str(tmp_path / "store")))
    assert eventually(lambda: not _mounts_below(tmp_path / "store"))
    cgroups.sweep()
    assert _groups(process.pid) == []


def test_ctrl_c(
    engine: Callable[[], subprocess.Popen[str]], tmp_path: Path, marker: str, eventually: Eventually
) -> None:
    """An interrupted engine ends everything before it ends itself."""
    process = engine()
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    assert process.stdout.read() == "closed\n"
    assert _end(process) == 130
    assert (_processes(marker), _processes(str(tmp_path / "store")), _groups(process.pid)) == ([], [], [])
    assert eventually(lambda: not _mounts_below(tmp_path / "store"))


def test_kill_minus_nine_of_the_supervisor(
    engine: Callable[[], subprocess.Popen[str]], marker: str, eventually: Eventually
) -> None:
    """When only the supervisor is killed the engine learns it and ends in an orderly way."""
    process = engine()
    os.kill(_children(process.pid)[-1], signal.SIGKILL)
    assert _end(process) == 1
    assert eventually(lambda: not _processes(marker))
    assert _groups(process.pid) == []


async def test_cancelling_a_run(bench: Bench, marker: str, eventually: Eventually) -> None:
    """It returns when the container is gone and its directories are free, however often it is cancelled."""
    spec = bench.spec("/bin/sh", "-c", f"trap '' TERM; echo x > /file; sleep 600; : {marker}")
    task = asyncio.create_task(bench.sandbox.run(spec))
    assert await asyncio.to_thread(eventually, lambda: _processes(marker) != [])
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert _processes(marker) == []
    assert (await bench.run("true", rootfs=spec.rootfs)).exit.code == 0


@pytest.mark.parametrize("moment", [0, 0.005, 0.02, 0.04])
async def test_cancelling_a_run_while_it_starts(bench: Bench, marker: str, moment: float) -> None:
    """A container that is just being made goes as well."""
    await bench.run("true")
    task = asyncio.create_task(bench.run("/bin/sh", "-c", f"sleep 600; : {marker}"))
    await asyncio.sleep(moment)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert _processes(marker) == []


async def test_cancelling_the_start_of_the_supervisor(bench: Bench) -> None:
    """A first run that is cancelled while the supervisor starts leaves none, and the next run works."""
    task = asyncio.create_task(bench.run("true"))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await bench.run("true")).exit.code == 0


async def test_closing_while_something_runs(bench: Bench, marker: str, eventually: Eventually) -> None:
    """Whoever waits gets an error in one line, and nothing starts any more."""
    tasks = [asyncio.create_task(bench.run("/bin/sh", "-c", f"sleep 600; : {marker}")) for _ in range(3)]
    assert await asyncio.to_thread(eventually, lambda: len(_processes(marker)) >= 3)
    await bench.sandbox.close()
    assert [str(each) for each in await asyncio.gather(*tasks, return_exceptions=True)] == ["the sandbox is closed"] * 3
    assert _processes(marker) == []
    with pytest.raises(SandboxError, match="the sandbox is closed"):
        await bench.run("true")


async def test_a_supervisor_that_dies_is_replaced(bench: Bench) -> None:
    """The run that it had fails in one line; the next one has another supervisor."""
    service = await bench.start("/bin/sleep", "600")
    os.kill(_children()[-1], signal.SIGKILL)
    with pytest.raises(SandboxError, match="the sandbox's supervisor ended: it was killed by SIGKILL"):
        await service.wait()
    assert (await bench.run("true")).exit.code == 0


async def test_the_supervisor_holds_nothing_of_what_has_ended(bench: Bench) -> None:
    """After many containers, good and bad, it has as many files and mounts as after the first."""

    store = bench.directory / "store"
    await bench.run("true")
    before = await asyncio.to_thread(_settled, store)
    for number in range(12):
        if number % 3:
            await bench.run("true")
        else:
            with pytest.raises(StartError):
                await bench.run("nope", init=bool(number % 2))
            with pytest.raises(SandboxError):
                await bench.run("true", rootfs=bench.overlay(Path("/no/such/layer")))
    assert await asyncio.to_thread(_settled, store) == before


async def test_groups_of_living_sessions_are_not_swept(bench: Bench) -> None:
    """A second session leaves the first one's control groups alone."""
    service = await bench.start("/bin/sleep", "600")
    groups = _groups(os.getpid())
    cgroups.sweep()
    assert (_groups(os.getpid()), groups != []) == (groups, True)
    await service.stop(timeout=0)


async def test_many_at_once(bench: Bench) -> None:
    """Sixty-four containers at once all run, each with its own root and output."""

    async def one(number: int) -> str:
        ran = await bench.shell(f"echo {number} > /file; cat /file")
        return ran.stdout + ran.written[0]

    expected = [f"{number}\nfile" for number in range(64)]
    assert await asyncio.gather(*(one(number) for number in range(64))) == expected


def test_a_specification_says_nothing_of_its_secrets(tmp_path: Path) -> None:
    """What a traceback or a log shows of a container has no standard input in it."""
    spec = ContainerSpec("x", Overlay(()), ("true",), tmp_path, tmp_path, stdin=b"token")
    assert "token" not in repr(spec)
