"""Files written one by one into a directory: one chain in one request, as a program writes it."""

from __future__ import annotations

from embedded_engine.bench.meter import Meter


async def measure(meter: Meter, size: int) -> None:
    """`size` files."""
    from dagger import Directory, dag

    def chain() -> Directory:
        directory = dag.directory()
        for number in range(size):
            directory = directory.with_new_file(f"folder/file-{number}", f"content {number}")
        return directory

    async with meter.session():
        await dag.directory().with_new_file("first", "").sync()
        with meter.time("its id"):
            await chain().id()
        with meter.time("made"):
            await chain().sync()
        with meter.time("made again, same session"):
            await chain().sync()
        with meter.time("entries"):
            await chain().entries(path="folder")
        with meter.time("export"):
            await chain().export(str(meter.place / "export"))
    for _ in range(meter.runs):
        async with meter.session():
            with meter.time("from the store, new session"):
                await chain().sync()
