"""An image of one large layer to Debian's docker-registry on loopback, and from it into another store."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from embedded_engine.bench.meter import Meter

_LAYERS = 4
_START_SECONDS = 10


async def measure(meter: Meter, size: int) -> None:
    """Layers of `size` MiB together."""
    from dagger import ImageLayerCompression, dag

    container = dag.container()
    parts = [size // _LAYERS + (number < size % _LAYERS) for number in range(_LAYERS)]
    for number, mib in enumerate(part for part in parts if part):
        file = dag.host().file(str(meter.file(mib, f"part-{number}")))
        container = container.with_file(f"/part-{number}", file)
    with _registry(meter.place / "registry") as host:
        async with meter.session():
            await container.sync()
            with meter.time("packed with gzip and pushed"):
                await container.publish(f"{host}/bench:gzip")
            with meter.time("pushed again"):
                await container.publish(f"{host}/bench:again")
            with meter.time("packed with zstd and pushed"):
                await container.publish(f"{host}/bench:zstd", forced_compression=ImageLayerCompression.Zstd)
        for name in ("gzip", "zstd"):
            shutil.rmtree(meter.store)
            async with meter.session():
                with meter.time(f"pulled, {name}"):
                    await dag.container().from_(f"{host}/bench:{name}").rootfs().entries()


@contextmanager
def _registry(folder: Path) -> Iterator[str]:
    """A registry that keeps its blobs in `folder`; its `host:port`."""
    program = shutil.which("docker-registry")
    if program is None:
        sys.exit("docker-registry is not installed: apt-get install docker-registry")
    folder.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "config.yml").write_text(
        "version: 0.1\n"
        "log: {level: error, accesslog: {disabled: true}}\n"
        f"storage: {{filesystem: {{rootdirectory: {folder}/data}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}'}}\n"
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, "serve", str(folder / "config.yml")], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()
