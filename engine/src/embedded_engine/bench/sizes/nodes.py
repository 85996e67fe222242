"""A graph of very many nodes, built over many requests, each going on where the one before ended."""

from __future__ import annotations

from embedded_engine.bench.meter import Meter

_STEP = 125


async def measure(meter: Meter, size: int) -> None:
    """`size` nodes in one chain."""
    from dagger import Directory, DirectoryID, dag

    async def chain(made: bool) -> Directory:
        directory = dag.directory()
        for start in range(0, size, _STEP):
            for number in range(start, min(start + _STEP, size)):
                directory = directory.with_new_file(f"file-{number % 50}", f"content {number}")
            directory = dag.load_directory_from_id(DirectoryID(await directory.id()))
            if made:
                await directory.sync()
        return directory

    async with meter.session():
        with meter.time("defined"):
            whole = await chain(False)
        with meter.time("made at once"):
            await whole.sync()
        with meter.time("entries"):
            await whole.entries()
        with meter.time("asked for part by part, known"):
            await chain(True)
