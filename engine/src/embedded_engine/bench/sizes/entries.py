"""A directory of very many files: listed, searched, filtered, copied, compared, mounted and exported."""

from __future__ import annotations

from embedded_engine.bench.meter import Meter, settle


async def measure(meter: Meter, size: int) -> None:
    """`size` files, and as many in one directory."""
    from dagger import dag

    image = await meter.seed_image()
    top = meter.tree(size)
    flat = meter.place / "flat"
    flat.mkdir()
    for number in range(size):
        (flat / f"file-{number}").write_bytes(b"")
    settle()
    async with meter.session():
        host = await dag.host().directory(str(top)).sync()
        wide = await dag.host().directory(str(flat)).sync()
        with meter.time("entries of the one directory"):
            await wide.entries()
        with meter.time("glob **/*.txt"):
            await host.glob("**/*.txt")
        with meter.time("filtered by patterns"):
            await host.filter(exclude=["**/*7.txt"]).digest()
        copied = dag.directory().with_directory("copy", host)
        with meter.time("copied into a directory"):
            await copied.sync()
        with meter.time("digest of the copy"):
            await copied.digest()
        with meter.time("diff with one file more"):
            await host.diff(host.with_new_file("more", "")).entries()
        with meter.time("changes with one file more"):
            await host.with_new_file("more", "").changes(host).added_paths()
        mounted = dag.container().from_(image).with_mounted_directory("/mnt", host)
        with meter.time("find in a container"):
            await mounted.with_exec(["sh", "-c", "find /mnt | wc -l"]).stdout()
        with meter.time("touched in a container, exported"):
            written = mounted.with_exec(["sh", "-c", "find /mnt -type f | xargs touch"])
            await written.directory("/mnt").export(str(meter.place / "touched"))
        with meter.time("removed in a container"):
            await mounted.with_exec(["sh", "-c", "rm -r /mnt/*"]).directory("/mnt").entries()
        with meter.time("exported"):
            await host.export(str(meter.place / "export"))
        with meter.time("exported again"):
            await host.export(str(meter.place / "export"))
        with meter.time("without one directory"):
            await host.without_directory("folder-00").digest()
        with meter.time("timestamps set"):
            await host.with_timestamps(0).sync()
