"""One large file through the API and back: the host, a directory, an export, an image's tar file."""

from __future__ import annotations

from embedded_engine.bench.meter import Meter, settle


async def measure(meter: Meter, size: int) -> None:
    """A file of `size` MiB."""
    from dagger import ImageLayerCompression, dag

    place = meter.file(size)
    settle()
    tar = meter.place / "image.tar"
    async with meter.session():
        with meter.time("import from the host"):
            await dag.host().file(str(place)).sync()
        with meter.time("import again, unchanged"):
            await dag.host().file(str(place)).sync()
        file = dag.host().file(str(place))
        with meter.time("digest"):
            await file.digest()
        folder = dag.directory().with_file("large", file)
        with meter.time("with_file into a directory"):
            await folder.sync()
        with meter.time("export"):
            await folder.export(str(meter.place / "export"))
        with meter.time("export again, unchanged"):
            await folder.export(str(meter.place / "export"))
        container = dag.container().with_file("/large", file)
        with meter.time("export of an image, uncompressed"):
            await container.export(str(tar), forced_compression=ImageLayerCompression.Uncompressed)
        with meter.time("import of that image"):
            await dag.container().import_(dag.host().file(str(tar))).rootfs().entries()
        with meter.time("as_tarball, uncompressed"):
            await container.as_tarball(forced_compression=ImageLayerCompression.Uncompressed).size()
