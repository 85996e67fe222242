"""Files that the engine makes for itself and can make again at any time: each with a checksum, absent when damaged."""

from __future__ import annotations

import contextlib
import zlib
from pathlib import Path

from embedded_engine.store.files import write_atomically

_LENGTH = 8


def keep(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all: where there is no room for it, it is made again the next time."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, _checksum(content) + content)


def read_kept(path: Path) -> bytes | None:
    """The content of a file that was kept; None if there is none or it is not what was written."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    content = data[_LENGTH:]
    return content if data[:_LENGTH] == _checksum(content) else None


def _checksum(content: bytes) -> bytes:
    return b"%08x" % zlib.crc32(content)
