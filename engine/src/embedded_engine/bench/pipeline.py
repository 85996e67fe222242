"""The pipeline as a user runs it, with the bare tools beside it.

It needs a repository with this project's module, which is copied first, so that the edit which one measurement makes
touches nobody's work. Each figure is a median.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from embedded_engine.bench.commands import copied, repository_here, start, timed
from embedded_engine.bench.engine import cached_chain, container_start
from embedded_engine.bench.figure import Figure

EDITED = "src/app/settings.py"
BARE_TOOLS: tuple[tuple[str, ...], ...] = (
    ("ruff", "format", "--check", "-q", "--no-cache", "src/app", "tests/unit", "tests/integration"),
    ("ruff", "check", "-q", "--no-cache", "src/app", "tests/unit", "tests/integration"),
    ("mypy", "--no-error-summary", "src/app", "tests/unit", "tests/integration"),
    ("pytest", "-q", "-p", "no:cacheprovider", "-m", "not integration", "--cov", "--cov-branch", "tests/unit"),
    ("uv", "lock", "--check", "-q"),
)


def measure_parts(names: Sequence[str], runs: int) -> None:
    """Measure and print those of `PARTS`."""
    print(f"{'':52} {'median':>14} {'bare tools':>14} budget")
    with ExitStack() as stack:
        repository = stack.enter_context(copied(repository_here())) if _IN_REPOSITORY.keys() & names else Path()
        for name in names:
            found = _IN_REPOSITORY[name](repository, runs) if name in _IN_REPOSITORY else _ALONE[name](runs)
            for figure in found:
                print(figure, flush=True)


def _unchanged(repository: Path, runs: int) -> Iterator[Figure]:
    timed(repository, "ci", "quick")
    measured = [timed(repository, "ci", "quick") for _ in range(runs)]
    python = [timed(repository, "python", "-c", "import dagger")[0] for _ in range(runs)]
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
        running = [start(repository, *tool) for tool in BARE_TOOLS]
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
        suite.append(timed(repository, "ci", "quick")[0])
    yield Figure(
        "ci quick after a one-line edit in src/app",
        statistics.median(suite[1:]),
        "s",
        "<= bare + 1.0 s",
        statistics.median(tools[1:]),
    )


_IN_REPOSITORY = {"unchanged": _unchanged, "edited": _edited}
_ALONE = {"container-start": container_start, "cached-chain": cached_chain}
PARTS = (*_IN_REPOSITORY, *_ALONE)
