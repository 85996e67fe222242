"""Looking at a directory of the host without reading its files: what is there, and the numbers that betray a change."""

from __future__ import annotations

import errno
import os
import stat
from array import array
from pathlib import Path

from embedded_engine.store.errors import StoreError, explain
from embedded_engine.store.patterns import Patterns, Selection

COLUMNS = 5  # size, mtime_ns, ctime_ns, inode, mode
Row = tuple[int, ...]


class Scan:
    """Paths relative to `root` in the order found, and `COLUMNS` numbers for each.

    A directory's numbers are zero but its mode: that something came or went in it shows in the paths. Sockets, pipes
    and devices are left out, as Dagger leaves them out.
    """

    def __init__(self, root: str, single: str | None = None) -> None:
        """`single` is the place of the one file, where it has another name than its path."""
        self.root = root
        self._single = single
        self.paths: list[str] = []
        self.numbers = array("q")

    def same_as(self, paths: list[str], numbers: array[int]) -> bool:
        """Whether nothing differs from what was found before."""
        return self.numbers == numbers and self.paths == paths

    def place(self, path: str) -> str:
        """Where on the host a path is."""
        return self._single or f"{self.root}/{path}"

    def row(self, index: int) -> Row:
        """The numbers of one path."""
        return tuple(self.numbers[index * COLUMNS : (index + 1) * COLUMNS])

    def changed_since(self, limit_ns: int) -> list[int]:
        """The places of what was changed after a time."""
        return [place for place, ctime_ns in enumerate(self.numbers[2::COLUMNS]) if ctime_ns > limit_ns]

    def correct(self, index: int, status: os.stat_result) -> None:
        """Note what a file really was when it was read."""
        self.numbers[index * COLUMNS : (index + 1) * COLUMNS] = array("q", numbers_of(status))

    def add(self, path: str, status: os.stat_result) -> None:
        self.paths.append(path)
        self.numbers.extend(numbers_of(status))


def numbers_of(status: os.stat_result) -> Row:
    """What tells a file from one that was changed or put in its place."""
    mode = status.st_mode
    if stat.S_ISDIR(mode):
        return (0, 0, 0, 0, mode)
    return (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, mode)


def scan_tree(root: Path, patterns: Patterns) -> Scan:
    """Scan what the patterns take of a directory; directories that can hold nothing of it are not read."""
    top = os.path.realpath(root)
    try:
        is_directory = stat.S_ISDIR(os.stat(top).st_mode)
    except OSError as error:
        raise StoreError(f"lstat {root}: {os.strerror(error.errno or errno.ENOENT).lower()}") from error
    if not is_directory:
        raise StoreError(f"{root} is not a directory")
    scan = Scan(top)
    pending = [_Directory(top, "", patterns.root(), None)]
    everything = patterns.empty
    while pending:
        directory = pending.pop()
        try:
            entries = os.scandir(directory.place)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise unreadable(directory.place, error) from error
        with entries:
            below = _scan_directory(scan, directory, entries, everything)
        pending.extend(below)
    return scan


def scan_file(path: Path) -> Scan:
    """Scan one file, which is found under its own name; links are followed."""
    place = os.path.realpath(path)
    try:
        status = os.stat(place)
    except OSError as error:
        raise StoreError(f"lstat {path}: {os.strerror(error.errno or errno.ENOENT).lower()}") from error
    if not stat.S_ISREG(status.st_mode):
        raise StoreError(f"{path} is not a file")
    scan = Scan(os.path.dirname(place), place)
    scan.add(path.name, status)
    return scan


def unreadable(place: str, error: OSError) -> StoreError:
    """One line on something of the host that cannot be read."""
    if error.errno in (errno.EACCES, errno.EPERM):
        return StoreError(f"no permission to read {place}: exclude it, or let this user read it")
    return StoreError(f"cannot read {place}: {explain(error)}")


class _Directory:
    """A directory to be read. It is noted when something in it is taken, at the latest."""

    __slots__ = ("noted", "parent", "path", "place", "selection", "status")

    def __init__(
        self,
        place: str,
        path: str,
        selection: Selection,
        parent: _Directory | None,
        status: os.stat_result | None = None,
    ) -> None:
        self.place = place
        self.path = path
        self.selection = selection
        self.parent = parent
        self.status = status
        self.noted = parent is None

    def note(self, scan: Scan) -> None:
        missing: list[_Directory] = []
        current: _Directory | None = self
        while current is not None and not current.noted:
            missing.append(current)
            current = current.parent
        for each in reversed(missing):
            each.noted = True
            if each.status is not None:
                scan.add(each.path, each.status)


def _scan_directory(
    scan: Scan, directory: _Directory, entries: os._ScandirIterator[str], everything: bool
) -> list[_Directory]:
    below: list[_Directory] = []
    prefix = f"{directory.path}/" if directory.path else ""
    selection = directory.selection
    append = scan.paths.append
    extend = scan.numbers.extend
    for entry in entries:
        path = prefix + entry.name
        if entry.is_dir(follow_symlinks=False):
            inner = selection if everything else selection.enter(path)
            if not inner.taken and not inner.descends:
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            child = _Directory(entry.path, path, inner, directory, status)
            if inner.taken:
                child.note(scan)
            if inner.descends:
                below.append(child)
            continue
        if not everything and not selection.takes(path):
            continue
        try:
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue
        mode = status.st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
            continue
        if not directory.noted:
            directory.note(scan)
        append(path)
        extend((status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, mode))
    return below
