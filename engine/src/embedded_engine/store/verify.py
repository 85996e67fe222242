"""Everything in the store held to what was noted of it: what is damaged is removed, and made again when it is needed.

Sessions do this by themselves for what a crash of the machine may have torn. This is for a disk that is not trusted.
Results, indexes and what is kept of modules and of the schema have checksums, blobs are named by theirs, layers have
seals, the packages of environments bring theirs, and git knows its objects. Cache volumes are meant to change.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from embedded_engine.git_program import GitError, run_git
from embedded_engine.store.errors import StoreError, storage_errors
from embedded_engine.store.files import remove_tree
from embedded_engine.store.index import ImportIndex
from embedded_engine.store.integrity import summary_of
from embedded_engine.store.kept import read_kept
from embedded_engine.store.layers import SUMMARY, LayerStore
from embedded_engine.store.manifest import digest_file
from embedded_engine.store.packages import damaged_package
from embedded_engine.store.results import ResultStore
from embedded_engine.store.seal import Inode, read_seal, seal, seal_of
from embedded_engine.store.store import is_store

_KEPT = ("modules/*", "schema-*/**/*")


@dataclass(frozen=True)
class Damage:
    """Something that is not as it was stored, and has been removed."""

    kind: str
    """layer, blob, result, import, kept file, environment or mirror."""
    name: str
    reason: str


@dataclass(frozen=True)
class Findings:
    """What a look at the whole store found. `sealed` are layers that had no seal: they were taken as they are."""

    damages: tuple[Damage, ...] = ()
    sealed: int = 0


def verify(store_root: Path, *, rootless: bool = False) -> Findings:
    """Look at everything and remove what is damaged.

    Raises `StoreError` while a session uses the store, and for one whose owners mean something else to this user.
    """
    if not is_store(store_root, rootless=rootless):
        return Findings()
    with storage_errors(f"verify the store {store_root}"), (store_root / "in-use").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreError(f"the store {store_root} is in use: verify it when no session runs") from None
        # Layers and blobs first: a result is damaged as well when it names one that is gone.
        layers = _Layers(store_root / "layers")
        damages = (
            *layers.damages(),
            *_blobs(store_root / "blobs"),
            *_results(store_root),
            *_imports(store_root),
            *_kept(store_root),
            *_environments(store_root / "environments"),
            *_mirrors(store_root / "git"),
        )
        return Findings(damages, layers.sealed)


class _Layers:
    """The layers of a store; files that several of them share are read once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._memo: dict[Inode, str] = {}
        self.sealed = 0

    def damages(self) -> Iterator[Damage]:
        for home in sorted(self._root.iterdir()):
            try:
                reason = self._look(home)
            except OSError as error:
                reason = (error.strerror or "it cannot be read").lower()
            if reason is not None:
                remove_tree(home)
                yield Damage("layer", home.name, reason)

    def _look(self, home: Path) -> str | None:
        """What is wrong with a layer. Without a seal it gets one."""
        noted, found = (home / SUMMARY).read_text(), summary_of(home / "fs")
        if noted != found:
            return f"{_words(found)}, {_words(noted)} were stored"
        sealed = read_seal(home)
        if sealed is None:
            seal(home, memo=self._memo)
            self.sealed += 1
        elif sealed != seal_of(home / "fs", memo=self._memo):
            return "it holds something else than was stored"
        return None


def _words(summary: str) -> str:
    entries, _, length = summary.partition(" ")
    return f"{entries} entries of {length} bytes"


def _blobs(root: Path) -> Iterator[Damage]:
    for path in sorted(root.glob("??/*")):
        found = digest_file(os.fspath(path))
        if found != f"{path.parent.name}{path.name}":
            path.unlink()
            yield Damage("blob", f"{path.parent.name}{path.name}", f"its content has the digest {found}")


def _results(store_root: Path) -> Iterator[Damage]:
    layers = LayerStore(store_root / "layers", store_root / "staging")
    results = ResultStore(store_root / "results", layers)
    before = set((store_root / "results").glob("??/[!.]*"))
    for record in results.records():
        before.discard(record.path)
        missing = [layer for layer in record.layers if not layers.home(layer).exists()]
        if missing:
            record.path.unlink()
            yield Damage("result", record.key, f"its layer {missing[0]} is gone")
    yield from (Damage("result", path.name, "its checksum is another") for path in sorted(before))


def _imports(store_root: Path) -> Iterator[Damage]:
    for path in sorted((store_root / "hosts").iterdir()):
        if path.is_file() and ImportIndex.load(path) is None:
            path.unlink()
            yield Damage("import", path.name, "its checksum is another")


def _kept(store_root: Path) -> Iterator[Damage]:
    for path in sorted(path for pattern in _KEPT for path in store_root.glob(pattern)):
        if path.is_file() and read_kept(path) is None:
            path.unlink()
            yield Damage("kept file", os.fspath(path.relative_to(store_root)), "its checksum is another")


def _environments(root: Path) -> Iterator[Damage]:
    for place in _directories(root):
        reason = damaged_package(place)
        if reason is not None:
            remove_tree(place)
            yield Damage("environment", place.name, reason)


def _mirrors(root: Path) -> Iterator[Damage]:
    for place in _directories(root):
        try:
            run_git(["fsck", "--no-dangling", "--no-progress"], place)
        except GitError as error:
            remove_tree(place)
            yield Damage("mirror", place.name, str(error))


def _directories(root: Path) -> list[Path]:
    return sorted(place for place in root.glob("*") if place.is_dir())
