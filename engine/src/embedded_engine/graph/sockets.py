"""Unix sockets of this machine in containers: bound as they are, or relayed where they must belong to somebody."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets as random
import socket
import stat
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from embedded_engine.errors import EngineError

CHUNK_BYTES = 64 * 1024


class SocketError(EngineError):
    """A socket of this machine that cannot be used."""


@asynccontextmanager
async def shared_socket(source: Path, owner: tuple[int, int] | None) -> AsyncIterator[Path]:
    """A path that can be bound into a container: the socket's own, or one of `owner` (uid, gid) that leads to it."""
    if not is_socket(source):
        raise SocketError(f"host socket {source}: no such socket")
    if owner is None:
        yield source
        return
    # A socket's path has at most 107 bytes: the store's may be longer.
    place = Path(tempfile.gettempdir(), f"ci-engine-{random.token_hex(6)}.sock")
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            far_reader, far_writer = await asyncio.open_unix_connection(source)
            try:
                await asyncio.gather(_carry(reader, far_writer), _carry(far_reader, writer))
            finally:
                far_writer.close()
        writer.close()

    listener = _bind(place, owner)
    try:
        server = await asyncio.start_unix_server(connected, sock=listener)
        try:
            yield place
        finally:
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        listener.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(place)  # noqa: PTH108 - quick, and nothing else runs while the container ends


def is_socket(path: Path) -> bool:
    """Whether a Unix socket is at the path."""
    return path.exists() and stat.S_ISSOCK(path.stat().st_mode)


def _bind(place: Path, owner: tuple[int, int]) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(os.fspath(place))
    place.chmod(0o600)
    os.chown(place, *owner)
    return listener


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(CHUNK_BYTES):
        writer.write(chunk)
        await writer.drain()
    with contextlib.suppress(OSError):
        writer.write_eof()
