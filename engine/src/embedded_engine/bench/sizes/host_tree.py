"""A directory of the host as a user of the API sees it: its digest, in a session that knows it and in new ones."""

from __future__ import annotations

from pathlib import Path

from embedded_engine.bench.meter import Meter, settle


async def measure(meter: Meter, size: int) -> None:
    """`size` files, imported for the first time, unchanged, and with one changed."""
    top = meter.tree(size)
    async with meter.session():
        with meter.time("first import"):
            await _digest(top)
        for _ in range(meter.runs):
            with meter.time("unchanged, same session"):
                await _digest(top)
    for number in range(meter.runs):
        async with meter.session(timed=True):
            with meter.time("unchanged, new session"):
                await _digest(top)
        _change(top, number)
        async with meter.session():
            with meter.time("one changed, new session"):
                await _digest(top)
            _change(top, -number - 1)
            with meter.time("one changed, same session"):
                await _digest(top)
        settle()
        async with meter.session():
            await _digest(top)


async def _digest(top: Path) -> str:
    from dagger import dag

    return await dag.host().directory(str(top)).digest()


def _change(top: Path, number: int) -> None:
    (top / "folder-00" / "part-00" / "file-00000.txt").write_text(f"changed {number}\n")
