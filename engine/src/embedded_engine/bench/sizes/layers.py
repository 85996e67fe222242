"""A chain of executions: each runs on the layers of all before it; then the stack is read, exported and run again."""

from __future__ import annotations

from embedded_engine.bench.meter import Meter


async def measure(meter: Meter, size: int) -> None:
    """`size` executions, each writing one file."""
    from dagger import Container, dag

    image = await meter.seed_image()

    def chain() -> Container:
        container = dag.container().from_(image).with_workdir("/work")
        for number in range(size):
            container = container.with_exec(["sh", "-c", f"echo {number} >file-{number}"])
        return container

    async with meter.session():
        await dag.container().from_(image).with_exec(["true"]).sync()
        with meter.time("all of them run"):
            await chain().sync()
        with meter.time("entries of the stack"):
            assert len(await chain().directory("/work").entries()) == size  # noqa: S101 - a wrong figure is none
        with meter.time("contents of the lowest file"):
            await chain().file("/work/file-0").contents()
        with meter.time("export of the directory"):
            await chain().directory("/work").export(str(meter.place / "export"))
        with meter.time("one more execution on top"):
            await chain().with_exec(["sh", "-c", "cat * >all"]).sync()
        with meter.time("the root file system as a directory"):
            await dag.directory().with_directory("/", chain().rootfs(), include=["work"]).sync()
    for _ in range(meter.runs):
        async with meter.session():
            with meter.time("all from the store, new session"):
                await chain().sync()
