"""Measuring inside the process of one case: times of pieces of work, and what the case needs to work on."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from embedded_engine.bench.image import IMAGE, seed

MIB = 1 << 20
_SETTLE_SECONDS = 2.1  # a file that changed less than two seconds before it was read is read again


@dataclass
class Meter:
    """The figures of one case at one size. `place` is a directory of its own, `runs` how often what can be is repeated."""

    place: Path
    runs: int
    figures: dict[str, dict[str, float]] = field(default_factory=dict)

    @property
    def store(self) -> Path:
        """The case's store."""
        return self.place / "store"

    @contextmanager
    def time(self, name: str) -> Iterator[None]:
        """Take the time of a block, in ms: of the clock, and of this process's processor time. The least of all counts."""
        begin, cpu = time.perf_counter(), time.process_time()
        yield
        self.note(name, (time.perf_counter() - begin) * 1000, (time.process_time() - cpu) * 1000)

    def note(self, name: str, wall: float, cpu: float) -> None:
        """A figure in ms; the run with the least counts."""
        known = self.figures.setdefault(name, {"ms": wall, "cpu": cpu})
        known["ms"], known["cpu"] = min(wall, known["ms"]), min(cpu, known["cpu"])

    @asynccontextmanager
    async def session(self, timed: bool = False) -> AsyncIterator[None]:
        """A session on the case's store, with the SDK's global client connected to it; `timed` notes its opening."""
        import dagger

        from embedded_engine.testing import embedded_session

        begin, cpu = time.perf_counter(), time.process_time()
        with embedded_session(store=self.store, workdir=self.place):
            async with dagger.connection():
                if timed:
                    self.note(
                        "a session opened", (time.perf_counter() - begin) * 1000, (time.process_time() - cpu) * 1000
                    )
                yield

    async def seed_image(self) -> str:
        """See that the store has an image to run programs in; its reference."""
        await seed(self.store)
        return IMAGE

    def tree(self, files: int, name: str = "tree") -> Path:
        """A directory of so many small files, twenty in each directory, old enough to be trusted."""
        top = self.place / name
        for number in range(files):
            folder = top / f"folder-{number // 400:02}" / f"part-{number // 20 % 20:02}"
            if number % 20 == 0:
                folder.mkdir(parents=True)
            (folder / f"file-{number:05}.txt").write_bytes(b"%d: some content of a small file\n" % number * 8)
        settle()
        return top

    def file(self, mib: int, name: str = "large") -> Path:
        """A file of so many MiB, half of which a compressor can squeeze out."""
        place = self.place / name
        with place.open("wb") as file:
            for _ in range(mib):
                noise = os.urandom(MIB // 2)
                file.write(b"".join(noise[at : at + 512] + bytes(512) for at in range(0, MIB // 2, 512)))
        return place


def settle() -> None:
    """Wait until what was just written is old enough to be trusted unread."""
    time.sleep(_SETTLE_SECONDS)


def peak_mib() -> float:
    """The most memory that this process had so far. (The kernel's other account begins with what its parent had.)"""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
