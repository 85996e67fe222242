"""What is made in a root only so that something can be mounted there, and how it is taken away again.

A container that changes nothing must leave an empty upper directory. So what was made is removed when it is still
empty, the modification time of the directory around it is put back unless the container changed that one too, and
directories that the kernel copied up for our sake leave the upper directory again.
"""

from __future__ import annotations

import os
import stat
from typing import NamedTuple


class Stub(NamedTuple):
    """One thing that was made: `name` in the directory that `parent` is open on, and that directory's times before."""

    parent: int
    name: str
    accessed: int
    modified: int


class Stubs:
    """The stubs of one mount, in the order in which they were made."""

    def __init__(self) -> None:
        self._stubs: list[Stub] = []
        self._modified_after: list[int] = []

    def making(self, parent: int, name: str) -> None:
        """Remember that `name` is about to be made."""
        before = os.fstat(parent)
        self._stubs.append(Stub(os.dup(parent), name, before.st_atime_ns, before.st_mtime_ns))

    def made(self) -> None:
        """Everything is there: note the times that say later whether the container changed the directories."""
        self._modified_after = [os.fstat(stub.parent).st_mtime_ns for stub in self._stubs]

    def remove(self) -> None:
        """Take away what is still empty."""
        for stub, after in zip(reversed(self._stubs), reversed(self._modified_after), strict=True):
            try:
                untouched = os.fstat(stub.parent).st_mtime_ns == after
                if _remove_empty(stub) and untouched:
                    os.utime(f"/proc/self/fd/{stub.parent}", ns=(stub.accessed, stub.modified))
            finally:
                os.close(stub.parent)
        self._stubs.clear()


def _remove_empty(stub: Stub) -> bool:
    try:
        found = os.stat(stub.name, dir_fd=stub.parent, follow_symlinks=False)
        if stat.S_ISDIR(found.st_mode):
            os.rmdir(stub.name, dir_fd=stub.parent)
        elif stat.S_ISREG(found.st_mode) and not found.st_size:
            os.unlink(stub.name, dir_fd=stub.parent)
        else:
            return False
    except OSError:
        return False
    return True


class CopiedUp:
    """The directories of one overlay that making stubs copies to its upper directory."""

    def __init__(self, merged: str, upper: str) -> None:
        self._merged = merged
        self._upper = upper
        self._before: dict[str, tuple[int, ...]] = {}
        root = os.stat(upper)
        self._root_times = (root.st_atime_ns, root.st_mtime_ns)

    def making(self, directory: str) -> None:
        """Note what `directory` (a path in the merged view) and those above it are like before they are copied up."""
        while directory != self._merged and directory.startswith(self._merged + "/"):
            relative = directory[len(self._merged) + 1 :]
            if relative in self._before:
                return
            self._before[relative] = _likeness(directory)
            directory = os.path.dirname(directory)

    def prune(self) -> None:
        """Take the copies that hold nothing new out of the upper directory. The overlay is no longer mounted."""
        for relative in sorted(self._before, key=len, reverse=True):
            copy = f"{self._upper}/{relative}"
            try:
                plain = all(stat.S_ISDIR(os.lstat(path).st_mode) for path in _chain(self._upper, relative))
                if plain and _likeness(copy) == self._before[relative] and not _opaque(copy):
                    os.rmdir(copy)
            except OSError:
                continue
        if not os.listdir(self._upper):
            os.utime(self._upper, ns=self._root_times)


def _chain(base: str, relative: str) -> list[str]:
    parts = relative.split("/")
    return [f"{base}/{'/'.join(parts[: end + 1])}" for end in range(len(parts))]


def _likeness(directory: str) -> tuple[int, ...]:
    seen = os.lstat(directory)
    attributes = [name for name in os.listxattr(directory, follow_symlinks=False) if ".overlay." not in name]
    return seen.st_mode, seen.st_uid, seen.st_gid, seen.st_mtime_ns, hash(tuple(attributes))


def _opaque(directory: str) -> bool:
    return any(name.endswith(".overlay.opaque") for name in os.listxattr(directory, follow_symlinks=False))
