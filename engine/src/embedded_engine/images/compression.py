"""Compressed layers as a stream that a tar reader can use: forward only, counted, bounded, hashed."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from typing import TYPE_CHECKING, BinaryIO

from embedded_engine.images.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Callable

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_BLOCK = 1 << 20
# A header names, links and attributes; one that is larger is meant to fill memory.
_LARGEST_HEADER = 16 << 20
# What no honest layer reaches both of: this size, and this many times the size of its archive.
_SUSPICIOUS_SIZE = 4 << 30
_SUSPICIOUS_RATIO = 200


class TarStream(io.RawIOBase):
    """The uncompressed bytes of a layer, read once from start to end."""

    def __init__(self, read: Callable[[int], bytes], largest: int) -> None:
        super().__init__()
        self._read = read
        self._largest = largest
        self._hasher = hashlib.sha256()
        self._position = 0
        # The tar reader steps back by one byte to see whether data was cut off.
        self._last = b""
        self._stepped_back = False

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Forward by reading, or back by the one byte that is remembered."""
        if whence != io.SEEK_SET:
            raise ImageError("a layer can only be read from start to end")
        if offset == self._position - 1 and not self._stepped_back and self._last:
            self._stepped_back = True
            self._position = offset
            return offset
        if offset < self._position:
            raise ImageError("a layer's headers point backwards")
        while self._position < offset and self._take(min(offset - self._position, _BLOCK)):
            pass
        return self._position

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes, fewer only at the end."""
        if size < 0 or size > _LARGEST_HEADER:
            raise ImageError("a layer has a header of more than 16 MiB")
        parts = []
        while size > 0 and (block := self._take(size)):
            parts.append(block)
            size -= len(block)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def digest(self) -> str:
        """The digest of everything, what follows the archive's end included."""
        while self._take(_BLOCK):
            pass
        return f"sha256:{self._hasher.hexdigest()}"

    def _take(self, size: int) -> bytes:
        if self._stepped_back:
            self._stepped_back = False
            self._position += 1
            return self._last
        block = self._read(size)
        if block:
            self._hasher.update(block)
            self._position += len(block)
            self._last = block[-1:]
            if self._position > self._largest:
                raise ImageError(
                    f"a layer unpacks to more than {self._largest} bytes, far more than its archive's size"
                )
        return block


def open_layer(file: BinaryIO, size: int) -> TarStream:
    """The uncompressed stream of an archive of `size` bytes, whatever its compression."""
    magic = file.read(4)
    file.seek(0)
    largest = max(_SUSPICIOUS_SIZE, size * _SUSPICIOUS_RATIO)
    if magic.startswith(_GZIP):
        return TarStream(_guarded(gzip.GzipFile(fileobj=file, mode="rb").read), largest)
    if magic == _ZSTD:
        import zstandard

        reader = zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(file, read_across_frames=True)
        return TarStream(_guarded(reader.read), largest)
    return TarStream(file.read, largest)


def _guarded(read: Callable[[int], bytes]) -> Callable[[int], bytes]:
    """A reader whose complaints about damaged data are errors of ours."""
    import zstandard

    def read_guarded(size: int) -> bytes:
        try:
            return read(size)
        except (zlib.error, gzip.BadGzipFile, EOFError, zstandard.ZstdError) as error:
            raise ImageError(f"a layer is damaged: {error}") from error

    return read_guarded
