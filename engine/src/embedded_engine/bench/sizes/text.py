"""One large text, which has to pass through memory whole: a file's contents, a command's output, an argument."""

from __future__ import annotations

from embedded_engine.bench.meter import MIB, Meter


async def measure(meter: Meter, size: int) -> None:
    """A text of `size` MiB."""
    from dagger import dag

    image = await meter.seed_image()
    line = "some words of text, and a line end\n"
    place = meter.place / "text"
    place.write_text((line * (MIB // len(line) + 1))[:MIB] * size)
    async with meter.session():
        file = await dag.host().file(str(place)).sync()
        with meter.time("contents"):
            assert len(await file.contents()) == size * MIB  # noqa: S101 - a wrong figure is none
        container = dag.container().from_(image).with_mounted_file("/text", file)
        await container.with_exec(["true"]).sync()
        with meter.time("output written"):
            printed = await container.with_exec(["cat", "/text"]).sync()
        with meter.time("stdout"):
            assert len(await printed.stdout()) == size * MIB  # noqa: S101
        text = place.read_text()
        with meter.time("with_new_file of the text"):
            await dag.directory().with_new_file("text", text).sync()
