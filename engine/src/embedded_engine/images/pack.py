"""A layer of the store as a tar archive, the same bytes for the same files: sorted, owners by number, whole seconds."""

from __future__ import annotations

import enum
import hashlib
import os
import stat
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from embedded_engine.store.files import OVERLAY_PREFIXES, is_opaque, is_whiteout

# ruff: noqa: PTH115, PTH123
# Thousands of entries with any bytes in their names: plain strings are twice as fast.

_BLOCK = 1 << 20
_GZIP_LEVEL = 6
_ZSTD_LEVEL = 3
_GZIP_WINDOW = 31


class Compression(enum.StrEnum):
    """How the archives of layers are compressed."""

    GZIP = "gzip"
    ZSTD = "zstd"
    UNCOMPRESSED = "uncompressed"


@dataclass(frozen=True)
class PackedLayer:
    """An archive: its digest and size in bytes, the digest of the tar in it, and whether it has any entry."""

    digest: str
    size: int
    diff_id: str
    entries: int


class _Compressor(Protocol):
    """What zlib's and zstandard's compressors have in common."""

    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


def pack(
    layer: Path, target: Path, compression: Compression, *, rootless: bool, epoch: int | None = None
) -> PackedLayer:
    """Write the archive of a layer's directory to `target`.

    `epoch` (seconds) is the latest time that a file may have: what is newer gets it.
    """
    with target.open("wb") as file:
        sink = _Sink(file, compression)
        entries = _Writer(os.fspath(layer), sink, rootless, epoch).write()
        return sink.finish(entries)


class _Sink:
    """Hashes what is written, before and after compression."""

    def __init__(self, file: BinaryIO, compression: Compression) -> None:
        self._file = file
        self._compressor = _compressor(compression)
        self._tar = hashlib.sha256()
        self._archive = hashlib.sha256()
        self._size = 0
        self.written = 0

    def write(self, data: bytes) -> None:
        self._tar.update(data)
        self.written += len(data)
        self._store(self._compressor.compress(data) if self._compressor is not None else data)

    def finish(self, entries: int) -> PackedLayer:
        # Two empty blocks end an archive, which fills whole records.
        self.write(bytes(2 * tarfile.BLOCKSIZE))
        self.write(bytes(-self.written % tarfile.RECORDSIZE))
        if self._compressor is not None:
            self._store(self._compressor.flush())
        digest, diff_id = f"sha256:{self._archive.hexdigest()}", f"sha256:{self._tar.hexdigest()}"
        return PackedLayer(digest, self._size, diff_id, entries)

    def _store(self, data: bytes) -> None:
        self._archive.update(data)
        self._size += len(data)
        self._file.write(data)


class _Writer:
    """Writes the entries of one layer."""

    def __init__(self, root: str, sink: _Sink, rootless: bool, epoch: int | None) -> None:
        self._root = root
        self._sink = sink
        self._rootless = rootless
        self._epoch = epoch
        self._names: dict[tuple[int, int], str] = {}

    def write(self) -> int:
        """All entries, parents first, each directory sorted; how many there are."""
        entries = 0
        if is_opaque(self._root, rootless=self._rootless):
            self._header(_whiteout(".wh..wh..opq", 0))
            entries += 1
        for path, place, status in self._walk():
            entries += 1
            if is_whiteout(status):
                parent, slash, name = path.rpartition("/")
                self._header(_whiteout(f"{parent}{slash}.wh.{name}", self._time(status)))
                continue
            if stat.S_ISSOCK(status.st_mode):
                continue
            self._entry(path, place, status)
        return entries

    def _walk(self) -> Iterator[tuple[str, str, os.stat_result]]:
        """Everything below the root: (path in the layer, place on disk, lstat)."""
        pending = [""]
        while pending:
            folder = pending.pop()
            with os.scandir(f"{self._root}/{folder}") as scan:
                found = sorted((entry.name, entry.stat(follow_symlinks=False)) for entry in scan)
            below = []
            for name, status in found:
                path = f"{folder}/{name}" if folder else name
                yield path, f"{self._root}/{path}", status
                if stat.S_ISDIR(status.st_mode):
                    below.append(path)
            pending += reversed(below)

    def _entry(self, path: str, place: str, status: os.stat_result) -> None:
        """One file, directory, link or fifo."""
        info = tarfile.TarInfo(path)
        info.mode = stat.S_IMODE(status.st_mode)
        info.uid, info.gid = status.st_uid, status.st_gid
        info.mtime = self._time(status)
        info.pax_headers = _attributes(place)
        kind = stat.S_IFMT(status.st_mode)
        if kind == stat.S_IFDIR:
            info.type = tarfile.DIRTYPE
            info.name += "/"
            self._header(info)
            if is_opaque(place, rootless=self._rootless):
                self._header(_whiteout(f"{path}/.wh..wh..opq", self._time(status)))
            return
        identity = (status.st_dev, status.st_ino)
        if status.st_nlink > 1 and identity in self._names:
            info.type, info.linkname, info.pax_headers = tarfile.LNKTYPE, self._names[identity], {}
        elif kind == stat.S_IFLNK:
            info.type, info.linkname = tarfile.SYMTYPE, os.readlink(place)
        elif kind == stat.S_IFIFO:
            info.type = tarfile.FIFOTYPE
        elif kind in (stat.S_IFCHR, stat.S_IFBLK):
            info.type = tarfile.CHRTYPE if kind == stat.S_IFCHR else tarfile.BLKTYPE
            info.devmajor, info.devminor = os.major(status.st_rdev), os.minor(status.st_rdev)
        else:
            info.size = status.st_size
        self._names.setdefault(identity, path)
        self._header(info)
        if info.isreg():
            self._content(place, status.st_size)

    def _header(self, info: tarfile.TarInfo) -> None:
        self._sink.write(info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape"))

    def _content(self, place: str, size: int) -> None:
        """Exactly `size` bytes, padded to a whole block."""
        left = size
        with open(place, "rb", buffering=0) as file:
            while left:
                block = file.read(min(left, _BLOCK))
                if not block:
                    raise OSError(f"{place} became shorter while it was read")
                self._sink.write(block)
                left -= len(block)
        self._sink.write(bytes(-size % tarfile.BLOCKSIZE))

    def _time(self, status: os.stat_result) -> int:
        seconds = status.st_mtime_ns // 1_000_000_000
        return seconds if self._epoch is None else min(seconds, self._epoch)


def _whiteout(path: str, time: int) -> tarfile.TarInfo:
    """The empty file by which an archive says that something is hidden."""
    info = tarfile.TarInfo(path)
    info.mtime = time
    info.mode = 0o600
    return info


def _attributes(place: str) -> dict[str, str]:
    """Extended attributes as an archive has them, without overlayfs' own."""
    try:
        names = os.listxattr(place, follow_symlinks=False)
    except OSError:
        return {}
    return {
        f"SCHILY.xattr.{name}": os.getxattr(place, name, follow_symlinks=False).decode("utf-8", "surrogateescape")
        for name in sorted(names)
        if not name.startswith(OVERLAY_PREFIXES)
    }


def _compressor(compression: Compression) -> _Compressor | None:
    """A fresh compressor without time or name in its output; None for no compression."""
    if compression is Compression.GZIP:
        return zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
    if compression is Compression.ZSTD:
        import zstandard

        compressor: Any = zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compressobj()
        return compressor  # type: ignore[no-any-return] # it has the two methods
    return None
