"""Seals: one digest of all that a layer holds, by which another content of the same length is found out.

A layer is sealed soon after it is committed, beside the work of the session, in a thread that gives way to all else.
What a session that was killed left without a seal gets it when the store is next verified, as it is then.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import threading
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING

from embedded_engine.store.files import OVERLAY_PREFIXES, data_ranges
from embedded_engine.store.manifest import digest_file

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

SEAL = "seal"
_LENGTH = 64  # hexadecimal digits: a shorter seal was torn, and is none
_LARGE = 1 << 28  # bytes: longer files may be holes for the most part, which are not read
_BLOCK = 1 << 18
_NOTHING = bytes(_BLOCK)
_GIVES_WAY = 10  # the nice value of the thread

Inode = tuple[int, int]


class Sealer:
    """Seals the layers of one store, one after the other."""

    def __init__(self) -> None:
        self._thread: ThreadPoolExecutor | None = None
        self._starting = threading.Lock()

    def seal(self, home: Path, digests: Mapping[str, str] | None = None) -> None:
        """Seal a committed layer when there is time; `digests` are those of files whose content is known."""
        with self._starting:
            if self._thread is None:
                from concurrent.futures import ThreadPoolExecutor

                self._thread = ThreadPoolExecutor(1, "sealer", _give_way)
            self._thread.submit(_seal_if_it_can_be, home, digests or {})

    def close(self) -> None:
        """Wait until everything is sealed."""
        with self._starting:
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.shutdown()


def seal(home: Path, digests: Mapping[str, str] | None = None, memo: MutableMapping[Inode, str] | None = None) -> None:
    """Note what a layer holds."""
    (home / SEAL).write_text(seal_of(home / "fs", digests, memo))


def read_seal(home: Path) -> str | None:
    """The seal of a layer; None if it has none."""
    try:
        found = (home / SEAL).read_text("ascii", "replace")
    except FileNotFoundError:
        return None
    return found if len(found) == _LENGTH else None


def seal_of(
    directory: Path, digests: Mapping[str, str] | None = None, memo: MutableMapping[Inode, str] | None = None
) -> str:
    """The digest of everything in a directory: names, types, modes, owners, contents, attributes; never times.

    `digests` are those of files whose content is known, by path; `memo` remembers those of files with several names.
    """
    top = os.fspath(directory)
    hasher = hashlib.sha256(_line("", top, os.lstat(top), ""))
    pending = [""]
    while pending:
        below = pending.pop()
        with os.scandir(f"{top}/{below}") as scan:
            entries = sorted(scan, key=lambda entry: entry.name)
        for entry in entries:
            path = f"{below}/{entry.name}" if below else entry.name
            status = entry.stat(follow_symlinks=False)
            known = digests.get(path) if digests and status.st_size <= _LARGE else None
            hasher.update(_line(path, entry.path, status, known or _content(entry.path, status, memo)))
            if stat.S_ISDIR(status.st_mode):
                pending.append(path)
    return hasher.hexdigest()


def _content(place: str, status: os.stat_result, memo: MutableMapping[Inode, str] | None) -> str:
    kind = stat.S_IFMT(status.st_mode)
    if kind == stat.S_IFLNK:
        return os.readlink(place)
    if kind in (stat.S_IFCHR, stat.S_IFBLK):
        return str(status.st_rdev)
    if kind != stat.S_IFREG:
        return ""
    inode = (status.st_dev, status.st_ino)
    if memo is not None and inode in memo:
        return memo[inode]
    digest = digest_file(place) if status.st_size <= _LARGE else _digest_of_large(place)
    if memo is not None and status.st_nlink > 1:
        memo[inode] = digest
    return digest


def _digest_of_large(place: str) -> str:
    """A digest of the length and of all blocks that are not zeros, wherever the disk has holes."""
    hasher = hashlib.sha256()
    with open(place, "rb", buffering=0) as file:
        done = 0
        for start, length in data_ranges(file.fileno()):
            for position in range(max(done, start - start % _BLOCK), start + length, _BLOCK):
                block = os.pread(file.fileno(), _BLOCK, position)
                if block != _NOTHING[: len(block)]:
                    hasher.update(b"%d:" % position + block)
                done = position + _BLOCK
        hasher.update(b"%d" % os.fstat(file.fileno()).st_size)
    return hasher.hexdigest()


def _line(path: str, place: str, status: os.stat_result, content: str) -> bytes:
    head = f"{path}\0{status.st_mode:o} {status.st_uid} {status.st_gid} {content}\0"
    return head.encode("utf-8", "surrogateescape") + b"".join(_attributes(place))


def _attributes(place: str) -> list[bytes]:
    """Extended attributes; of overlayfs' own only the one that hides what is below."""
    try:
        names = os.listxattr(place, follow_symlinks=False)
    except OSError:
        return []
    kept = [name for name in names if not name.startswith(OVERLAY_PREFIXES) or name.endswith(".opaque")]
    return [b"%s=%s\0" % (os.fsencode(name), os.getxattr(place, name, follow_symlinks=False)) for name in sorted(kept)]


def _seal_if_it_can_be(home: Path, digests: Mapping[str, str]) -> None:
    # Without room for it, or when the layer is gone, there is no seal: nothing fails for want of one.
    with contextlib.suppress(OSError):
        try:
            seal(home, digests)
        except BaseException:
            (home / SEAL).unlink(missing_ok=True)
            raise


def _give_way() -> None:
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _GIVES_WAY)
