"""A run that is killed at any moment harms no later one."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

Process = tuple[int, str]

MODULE = '''
import anyio
import dagger
from dagger import DefaultPath, dag, function, object_type
from typing import Annotated


@object_type
class Steps:
    source: Annotated[dagger.Directory, DefaultPath("/data")]

    @function
    async def run(self, mark: str) -> str:
        """Chains of executions beside each other, with a service, a cache and a directory of the host."""
        base = dag.container().from_("python:3.13-slim").with_env_variable("MARK", mark)
        server = base.with_exposed_port(8000).as_service(args=["python", "-m", "http.server"])
        found: dict[int, str] = {}

        async def chain(number: int) -> None:
            container = base.with_mounted_cache("/cache", dag.cache_volume("interruptions"))
            container = container.with_directory("/data", self.source).with_service_binding("server", server)
            for step in range(3):
                container = container.with_exec(["sh", "-c", f"echo {number}.{step} >> /log; cp /log /cache/{number}"])
            found[number] = await container.with_exec(["sh", "-c", "cat /data/*; cat /log"]).stdout()

        async with anyio.create_task_group() as group:
            for number in range(3):
                group.start_soon(chain, number)
        return "".join(found[number] for number in sorted(found))
'''

EXPECTED = "".join(f"one\ntwo\n{number}.0\n{number}.1\n{number}.2\n" for number in range(3))


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """A module whose function does a bit of everything."""
    (tmp_path / "src/steps").mkdir(parents=True)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/a").write_text("one\n")
    (tmp_path / "data/b").write_text("two\n")
    (tmp_path / "dagger.json").write_text('{"name": "steps", "engineVersion": "v0.21.8", "sdk": {"source": "python"}}')
    (tmp_path / "src/steps/__init__.py").write_text(MODULE)
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    return tmp_path


def start(module: Path, mark: str) -> subprocess.Popen[str]:
    """Call the function in a process of its own."""
    command = [sys.executable, "-m", "embedded_engine.cli", "run", f"--mark={mark}"]
    return subprocess.Popen(command, cwd=module, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def descendants(pid: int) -> set[Process]:
    """The process and all that it started, with the moment of each one's start: numbers are used again."""
    found: set[Process] = set()
    pending = [pid]
    while pending:
        current = pending.pop()
        try:
            started = Path(f"/proc/{current}/stat").read_text().rpartition(")")[2].split()[19]
            tasks = [task.joinpath("children").read_text() for task in Path(f"/proc/{current}/task").iterdir()]
        except OSError:
            continue
        found.add((current, started))
        pending += [int(child) for children in tasks for child in children.split()]
    return found


def has_others(run: subprocess.Popen[str]) -> bool:
    """Whether a run has started other processes, or has ended before."""
    return len(descendants(run.pid)) > 1 or run.poll() is not None


def are_gone(processes: set[Process]) -> bool:
    """Whether none of them runs any more."""
    return not any(each in descendants(each[0]) for each in processes)


def wait_for(condition: Callable[..., bool], *arguments: object) -> None:
    """Wait until a condition comes true, two minutes at most."""
    deadline = time.monotonic() + 120
    while not condition(*arguments):
        assert time.monotonic() < deadline, arguments
        time.sleep(0.02)


def test_killed_at_random_moments(
    module: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each kill -9 no process is left, and the next run of the same work ends right."""
    marker = str(os.getpid())
    chance = random.Random(20_261_121)
    whole, undisturbed = time.monotonic(), start(module, "0")
    out, err = undisturbed.communicate(timeout=300)
    assert out.rstrip("\n") == EXPECTED.rstrip("\n"), err
    whole = time.monotonic() - whole
    most = 0
    for number in range(int(request.config.getoption("--kills"))):
        mark = f"{marker}-{number}"
        killed = start(module, mark)
        moment = chance.uniform(0.1, whole)
        if number % 2:
            # Where other work has slowed the machine down, times alone would hit nothing but starts.
            wait_for(has_others, killed)
            moment /= 4
        time.sleep(moment)
        # Stopped first, so that it starts nothing between the look at its processes and its end.
        killed.send_signal(signal.SIGSTOP)
        of_the_run = descendants(killed.pid)
        most = max(most, len(of_the_run))
        killed.send_signal(signal.SIGKILL)
        killed.communicate(timeout=120)
        wait_for(are_gone, of_the_run)
        again = start(module, mark)
        out, err = again.communicate(timeout=300)
        assert out.rstrip("\n") == EXPECTED.rstrip("\n"), err
    assert most > 1, "no run was killed while it had a supervisor: the moments say nothing"
