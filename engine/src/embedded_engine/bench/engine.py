"""The engine's small steps: a container that starts, a graph whose results are all known."""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from embedded_engine.bench.figure import Figure
from embedded_engine.bench.image import IMAGE, ignore
from embedded_engine.engine import Engine

CHAIN_NODES = 50


def container_start(runs: int) -> Iterator[Figure]:
    """A container that runs `true`."""
    yield asyncio.run(_with_engine(runs * 5))


def cached_chain(runs: int) -> Iterator[Figure]:
    """A chain of nodes that the store knows."""
    yield asyncio.run(_cached_chain(runs * 5))


async def _with_engine(runs: int) -> Figure:
    engine = Engine.open(ignore)
    try:
        return await _container_start(engine, runs)
    finally:
        await engine.close()


async def _container_start(engine: Engine, runs: int) -> Figure:
    """A container that runs `true`, from the call to its exit, the supervisor being up."""
    from embedded_engine.sandbox import ContainerSpec, Overlay

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
    from embedded_engine.graph import Execution, ExecutionRootfs, FsNode, Image, Patch
    from embedded_engine.graph.changes import NewFile
    from embedded_engine.graph.process import Process

    async def once() -> float:
        engine = Engine.open(ignore)
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
