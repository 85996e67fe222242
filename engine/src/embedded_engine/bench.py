"""How fast the engine is on this machine, with the bare tools beside it: `python -m embedded_engine.bench`.

Run it in a repository with this project's module. Each figure is a median; the budget stands beside it. The
repository is copied first, so that the edit which one measurement makes touches nobody's work.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from embedded_engine.events import Event

CHAIN_NODES = 50
IMAGE = "python:3.13-slim"
EDITED = "src/app/settings.py"
BARE_TOOLS: tuple[tuple[str, ...], ...] = (
    ("ruff", "format", "--check", "-q", "--no-cache", "src/app", "tests/unit", "tests/integration"),
    ("ruff", "check", "-q", "--no-cache", "src/app", "tests/unit", "tests/integration"),
    ("mypy", "--no-error-summary", "src/app", "tests/unit", "tests/integration"),
    ("pytest", "-q", "-p", "no:cacheprovider", "-m", "not integration", "--cov", "--cov-branch", "tests/unit"),
    ("uv", "lock", "--check", "-q"),
)


@dataclass(frozen=True)
class Figure:
    """One line of the table. `unit` is `s`, `ms` or `MiB`; `bare` is the same work without the engine."""

    name: str
    value: float
    unit: str
    budget: str
    bare: float | None = None

    def __str__(self) -> str:
        bare = f"{self.bare:9.2f} {self.unit}" if self.bare is not None else f"{'-':>9}"
        return f"{self.name:52} {self.value:9.2f} {self.unit:4} {bare:14} {self.budget}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m embedded_engine.bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=7, help="counted runs of each command, after one that is not")
    runs = parser.parse_args(arguments).runs
    print(f"{'':52} {'median':>14} {'bare tools':>14} budget")
    with _copy(_repository()) as repository:
        for measure in (_unchanged, _edited):
            for figure in measure(repository, runs):
                print(figure, flush=True)
    for figure in asyncio.run(_engine_figures(runs * 5)):
        print(figure, flush=True)


def _unchanged(repository: Path, runs: int) -> Iterator[Figure]:
    _timed(repository, "ci", "quick")
    measured = [_timed(repository, "ci", "quick") for _ in range(runs)]
    python = [_timed(repository, "python", "-c", "import dagger")[0] for _ in range(runs)]
    seconds = statistics.median(each[0] for each in measured)
    yield Figure("ci quick, unchanged (bare: import dagger)", seconds, "s", "<= 1.20 s", statistics.median(python))
    yield Figure("peak memory of that process", statistics.median(each[1] for each in measured), "MiB", "<= 200 MiB")


def _edited(repository: Path, runs: int) -> Iterator[Figure]:
    file = repository / EDITED
    original = file.read_text()

    def edit(number: int) -> None:
        # In the docstring: every tool reads it, none objects to it.
        file.write_text(original.replace('"""', f'"""{time.time_ns() % 10**9}-{number}: ', 1))

    def bare() -> float:
        begin = time.monotonic()
        running = [_start(repository, *tool) for tool in BARE_TOOLS]
        codes = [process.wait() for process in running]
        if any(codes):
            sys.exit(f"the bare tools failed with exit codes {codes}: make the suite green first")
        return time.monotonic() - begin

    suite: list[float] = []
    tools: list[float] = []
    for number in range(runs + 1):
        edit(number)
        tools.append(bare())
        edit(number)
        suite.append(_timed(repository, "ci", "quick")[0])
    yield Figure(
        "ci quick after a one-line edit in src/app",
        statistics.median(suite[1:]),
        "s",
        "<= bare + 1.0 s",
        statistics.median(tools[1:]),
    )


async def _engine_figures(runs: int) -> list[Figure]:
    from embedded_engine.engine import Engine

    engine = Engine.open(_ignore)
    try:
        return [await _container_start(engine, runs), await _cached_chain(runs)]
    finally:
        await engine.close()


async def _container_start(engine: object, runs: int) -> Figure:
    """A container that runs `true`, from the call to its exit, the supervisor being up."""
    from embedded_engine.engine import Engine
    from embedded_engine.sandbox import ContainerSpec, Overlay

    assert isinstance(engine, Engine)  # noqa: S101 - for the type checker
    tree = await engine.images.fetch(await engine.images.resolve(IMAGE))
    lowers = tuple(engine.store.layers.paths(tree))

    async def once(number: int) -> float:
        with engine.store.layers.stage() as staged:
            spec = ContainerSpec(
                f"bench-{number}",
                Overlay(lowers, staged.fs, staged.work),
                ("true",),
                Path(os.devnull),
                Path(os.devnull),
                env=(("PATH", "/usr/bin:/bin"),),
            )
            begin = time.monotonic()
            await engine.sandbox.run(spec)
            return (time.monotonic() - begin) * 1000

    await once(-1)
    measured = [await once(number) for number in range(runs)]
    bare = await asyncio.to_thread(_bare_runtime, lowers[0], min(runs, 10))
    return Figure("start of a container (bare: runc alone)", statistics.median(measured), "ms", "<= 80 ms", bare)


def _bare_runtime(rootfs: Path, runs: int) -> float | None:
    """The runtime alone on a bundle of its own making, the image's lowest layer, without overlay and network; in ms."""
    runtime = shutil.which("runc")
    if runtime is None:
        return None
    with tempfile.TemporaryDirectory() as bundle:
        subprocess.run([runtime, "spec"], cwd=bundle, check=True)
        config = Path(bundle, "config.json")
        text = config.read_text().replace('"terminal": true', '"terminal": false').replace('"sh"', '"true"')
        config.write_text(text.replace('"path": "rootfs"', f'"path": "{rootfs}"'))

        def once(number: int) -> float:
            begin = time.monotonic()
            subprocess.run(
                [runtime, "run", "--bundle", bundle, f"bench-{os.getpid()}-{number}"], check=True, capture_output=True
            )
            return (time.monotonic() - begin) * 1000

        return statistics.median(once(number) for number in range(runs))


async def _cached_chain(runs: int) -> Figure:
    """A chain of nodes whose results are all in the store, in a session that has not seen it."""
    from embedded_engine.engine import Engine
    from embedded_engine.graph import Execution, ExecutionRootfs, FsNode, Image, Patch
    from embedded_engine.graph.changes import NewFile
    from embedded_engine.graph.process import Process

    async def once() -> float:
        engine = Engine.open(_ignore)
        try:
            resolved = await engine.images.resolve(IMAGE)
            begin = time.monotonic()
            node: FsNode = Image(resolved.key, resolved)
            for number in range(CHAIN_NODES // 2):
                node = Patch(node, NewFile(f"/bench/{number}", b"content"))
                node = ExecutionRootfs(Execution(Process(node, ("true",), (("PATH", "/usr/bin"),))))
            await engine.graph.tree(node)
            return (time.monotonic() - begin) * 1000
        finally:
            await engine.close()

    await once()
    return Figure(
        f"a cached graph of {CHAIN_NODES} nodes",
        statistics.median([await once() for _ in range(runs)]),
        "ms",
        "<= 150 ms",
    )


def _ignore(_event: Event) -> None:
    """Nobody watches a benchmark's steps."""


def _repository() -> Path:
    for place in (Path.cwd(), *Path.cwd().parents):
        if (place / "dagger.json").is_file():
            return place
    sys.exit("no dagger.json here or above: run the benchmark in the repository")


@contextmanager
def _copy(repository: Path) -> Iterator[Path]:
    """The repository's files as they are now, those that git ignores left out, in a place that goes afterwards."""
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=repository,
            check=True,
            capture_output=True,
        ).stdout
        for name in filter(None, listed.decode().split("\0")):
            if (repository / name).is_file():
                target = Path(place, name)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(repository / name, target)
        subprocess.run(["git", "init", "-q", place], check=True)
        yield Path(place)


def _start(repository: Path, *command: str) -> subprocess.Popen[bytes]:
    """A command with this environment's programs first on PATH, what it prints thrown away.

    Byte code is kept, as it is for most people: without it the bare tools would compile themselves at each start.
    """
    environment = dict(os.environ, PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}", PYTHONPATH="src")
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return subprocess.Popen(
        command,
        cwd=repository,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _timed(repository: Path, *command: str) -> tuple[float, float]:
    """Seconds from start to exit, and the peak memory in MiB of the largest process of it. It must succeed."""
    begin = time.monotonic()
    process = _start(repository, *command)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed with exit code {process.returncode}: make it green first")
    return seconds, usage.ru_maxrss / 1024


if __name__ == "__main__":
    main()
