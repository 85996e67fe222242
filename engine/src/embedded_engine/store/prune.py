"""Keeping the store under a size: what was used longest ago goes first, and with it what nothing else refers to."""

from __future__ import annotations

import fcntl
import os
import re
import stat
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from embedded_engine.store.errors import StoreError, storage_errors
from embedded_engine.store.files import read_unnoticed, remove_tree
from embedded_engine.store.index import ImportIndex
from embedded_engine.store.layers import LayerStore
from embedded_engine.store.results import ResultStore

_DIGEST = re.compile(rb"[0-9a-f]{64}")

Inode = tuple[int, int]


@dataclass(frozen=True)
class Report:
    """What was removed, and what is left. Sizes are bytes on disk."""

    freed_bytes: int
    kept_bytes: int
    layers: int
    results: int
    volumes: int
    blobs: int
    environments: int = 0
    mirrors: int = 0


@dataclass
class _Root:
    """Something that is kept for itself, and what it keeps: a result, an import, a volume."""

    kind: str
    path: Path
    used_ns: int
    holds: frozenset[Path]


@dataclass
class _Usage:
    """Who uses which blocks: files that several directories share are counted once, and freed with the last."""

    inodes: dict[Path, dict[Inode, int]] = field(default_factory=dict)
    names: Counter[Inode] = field(default_factory=Counter)
    total: int = 0

    def add(self, place: Path) -> None:
        found = _inodes(place)
        self.inodes[place] = found
        for inode, size in found.items():
            if not self.names[inode]:
                self.total += size
            self.names[inode] += 1

    def remove(self, place: Path) -> None:
        for inode, size in self.inodes.pop(place).items():
            self.names[inode] -= 1
            if not self.names[inode]:
                self.total -= size


def prune(store_root: Path, keep_bytes: int) -> Report:
    """Remove what nothing refers to, then the least recently used, until the store takes no more than `keep_bytes`.

    Raises `StoreError` while a session uses the store.
    """
    if not (store_root / "version").exists():
        return Report(0, 0, 0, 0, 0, 0)
    with storage_errors(f"prune the store {store_root}"):
        lock = os.open(store_root / "in-use", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StoreError(f"the store {store_root} is in use: prune it when no other session runs") from None
            return _prune(store_root, keep_bytes)
        finally:
            os.close(lock)


def _prune(store_root: Path, keep_bytes: int) -> Report:
    for leftover in ("staging", "trash", "locks"):
        for place in (store_root / leftover).iterdir():
            remove_tree(place)
    roots = [
        *_results(store_root),
        *_imports(store_root),
        *_volumes(store_root),
        *_made_again(store_root / "environments", "environments"),
        *_made_again(store_root / "git", "mirrors"),
        *_made_again(store_root / "modules", "definitions"),
    ]
    held = Counter(place for root in roots for place in root.holds)
    things = [*(store_root / "layers").iterdir(), *(store_root / "blobs").glob("*/*")]
    kept = _Kept(store_root, [*things, *(root.path for root in roots)])
    for place in things:
        if not held[place]:
            kept.remove(place, kept.kind_of(place))
    for root in sorted(roots, key=lambda root: root.used_ns):
        if kept.usage.total <= keep_bytes:
            break
        # The root first: a result without its layers is absent, a layer without a result is only wasted.
        kept.remove(root.path, root.kind)
        for place in root.holds:
            held[place] -= 1
            if not held[place] and place in kept.usage.inodes:
                kept.remove(place, kept.kind_of(place))
    return kept.report()


class _Kept:
    """What is in the store still, and how much of each kind was removed."""

    def __init__(self, store_root: Path, places: Iterable[Path]) -> None:
        self._root = store_root
        self._removed: Counter[str] = Counter()
        self.usage = _Usage()
        for place in places:
            self.usage.add(place)
        self._before = self.usage.total

    def kind_of(self, place: Path) -> str:
        """Which part of the store a layer or a blob is in."""
        return place.relative_to(self._root).parts[0]

    def remove(self, place: Path, kind: str) -> None:
        self.usage.remove(place)
        remove_tree(place)
        self._removed[kind] += 1

    def report(self) -> Report:
        total, removed = self.usage.total, self._removed
        return Report(
            self._before - total,
            total,
            removed["layers"],
            removed["results"],
            removed["volumes"],
            removed["blobs"],
            removed["environments"],
            removed["mirrors"],
        )


def _results(store_root: Path) -> list[_Root]:
    layers = LayerStore(store_root / "layers", store_root / "staging")
    found: list[_Root] = []
    for record in ResultStore(store_root / "results", layers).records():
        # A blob is named in a value by its digest; what merely looks like one keeps nothing that is there.
        digests = {match.decode() for match in _DIGEST.findall(read_unnoticed(record.path)[0].partition(b"\n")[2])}
        blobs = {store_root / "blobs" / digest[:2] / digest[2:] for digest in digests}
        held = {layers.home(layer) for layer in record.layers}
        found.append(_Root("results", record.path, record.used_ns, frozenset(held | blobs)))
    return found


def _imports(store_root: Path) -> list[_Root]:
    found: list[_Root] = []
    for path in (store_root / "hosts").iterdir():
        index = ImportIndex.load(path)
        holds = frozenset(store_root / "layers" / layer for layer in index.layers) if index is not None else frozenset()
        found.append(_Root("imports", path, path.lstat().st_atime_ns if index is not None else 0, holds))
    return found


def _volumes(store_root: Path) -> list[_Root]:
    found: list[_Root] = []
    for home in (store_root / "volumes").iterdir():
        key = home / "key"
        used = key.lstat().st_atime_ns if key.exists() else 0
        found.append(_Root("volumes", home, used, frozenset()))
    return found


def _made_again(directory: Path, kind: str) -> list[_Root]:
    """Directories that are made again when they are missed: their time says when they were last used."""
    places = directory.iterdir() if directory.is_dir() else ()
    return [_Root(kind, place, place.lstat().st_mtime_ns, frozenset()) for place in places]


def _inodes(place: Path) -> dict[Inode, int]:
    """The files at and below a place, with the bytes that each takes on disk."""
    status = place.lstat()
    found = {(status.st_dev, status.st_ino): status.st_blocks * 512}
    pending = [os.fspath(place)] if stat.S_ISDIR(status.st_mode) else []
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                found[status.st_dev, status.st_ino] = status.st_blocks * 512
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
    return found
