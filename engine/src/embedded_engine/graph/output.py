"""What a process writes: read from pipes as it comes, scrubbed of secrets, kept in files, told to whoever watches."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
from collections.abc import Callable, Iterable
from io import RawIOBase
from pathlib import Path

from embedded_engine.secrets import Scrubber
from embedded_engine.store.errors import StoreError, explain, storage_errors

CHUNK_BYTES = 64 * 1024
STREAMS = ("stdout", "stderr")


class Output:
    """The output of one process, below `directory`.

    `pipe(stream)` is where the process writes; `file(stream)` where the bytes are afterwards, for the streams
    `stdout`, `stderr` and `combined` (both, in the order in which they came).
    """

    def __init__(self, directory: Path, secrets: Iterable[bytes], tell: Callable[[str, bytes], None]) -> None:
        self._directory = directory
        self._secrets = tuple(secrets)
        self._tell = tell
        self._readers: list[asyncio.Task[None]] = []
        self._combined: RawIOBase | None = None
        self._failure: OSError | None = None

    def pipe(self, stream: str) -> Path:
        """The named pipe that the process writes to."""
        return self._directory / f"{stream}.pipe"

    def file(self, stream: str) -> Path:
        """The file that holds what came."""
        return self._directory / stream

    async def open(self) -> None:
        """Make the pipes and begin to read them."""
        with storage_errors("keep the output of a process"):
            # Nothing is held in a buffer: who reads a service's log while it runs finds all of it.
            self._combined = self.file("combined").open("wb", buffering=0)
            for stream in STREAMS:
                os.mkfifo(self.pipe(stream))
        for stream in STREAMS:
            reader = asyncio.StreamReader(limit=CHUNK_BYTES)
            end = os.fdopen(os.open(self.pipe(stream), os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0)
            await asyncio.get_running_loop().connect_read_pipe(
                functools.partial(asyncio.StreamReaderProtocol, reader), end
            )
            self._readers.append(asyncio.create_task(self._read(stream, reader)))

    async def finish(self) -> None:
        """Wait until everything that was written has been read. The process has ended, or never began.

        Finishing twice is harmless.
        """
        for stream in STREAMS:
            # A pipe that nobody opened for writing has no end to read: be the writer that came and went.
            # Where its end has been read already, nobody is there to open it for.
            with contextlib.suppress(OSError):
                os.close(os.open(self.pipe(stream), os.O_WRONLY | os.O_NONBLOCK))
        await asyncio.gather(*self._readers)
        if self._combined:
            self._combined.close()
        for stream in STREAMS:
            self.pipe(stream).unlink(missing_ok=True)

    def check(self) -> None:
        """Raise StoreError if what the process wrote could not be kept."""
        if self._failure is not None:
            raise StoreError(f"cannot keep the output of a process: {explain(self._failure)}")

    async def _read(self, stream: str, reader: asyncio.StreamReader) -> None:
        scrubber = Scrubber(self._secrets)
        try:
            with self.file(stream).open("wb", buffering=0) as kept:
                while chunk := await reader.read(CHUNK_BYTES):
                    self._keep(stream, kept, scrubber.feed(chunk))
                self._keep(stream, kept, scrubber.finish())
        except OSError as error:
            self._failure = error
            # A process whose output nobody reads would never end.
            while await reader.read(CHUNK_BYTES):
                pass

    def _keep(self, stream: str, kept: RawIOBase, data: bytes) -> None:
        if not data:
            return
        _write_all(kept, data)
        if self._combined:
            _write_all(self._combined, data)
        self._tell(stream, data)


def _write_all(file: RawIOBase, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) or 0 :]


def tail(path: Path, limit: int) -> str:
    """The last `limit` bytes of a file as text, with a note of how many bytes stand before them."""
    size = path.stat().st_size if path.exists() else 0
    note = f"[omitting {size - limit} bytes]..." if size > limit else ""
    if not size:
        return ""
    with path.open("rb") as file:
        file.seek(max(0, size - limit))
        # The note takes the place of as many bytes: what is given never exceeds the limit.
        return note + file.read()[len(note) :].decode("utf-8", "replace")
