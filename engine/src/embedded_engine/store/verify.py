"""Everything in the store held to what was noted of it: what is damaged is removed, and made again when it is needed.

Sessions do this by themselves for what a crash of the machine may have torn. This is for a disk that is not trusted:
results and indexes have checksums, blobs are named by theirs, of a layer the number and the length of its files are
known. What a layer's file holds is not: another content of the same length stays unseen.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from embedded_engine.store.errors import StoreError, storage_errors
from embedded_engine.store.files import remove_tree
from embedded_engine.store.index import ImportIndex
from embedded_engine.store.integrity import summary_of
from embedded_engine.store.layers import SUMMARY, LayerStore
from embedded_engine.store.manifest import digest_file
from embedded_engine.store.results import ResultStore


@dataclass(frozen=True)
class Damage:
    """Something that is not as it was stored, and has been removed."""

    kind: str
    """layer, blob, result or import."""
    name: str
    reason: str


def verify(store_root: Path) -> list[Damage]:
    """Look at everything and remove what is damaged; raises `StoreError` while a session uses the store."""
    if not (store_root / "version").exists():
        return []
    with storage_errors(f"verify the store {store_root}"), (store_root / "in-use").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreError(f"the store {store_root} is in use: verify it when no session runs") from None
        # Layers and blobs first: a result is damaged as well when it names one that is gone.
        return [
            *_layers(store_root / "layers"),
            *_blobs(store_root / "blobs"),
            *_results(store_root),
            *_imports(store_root),
        ]


def _layers(root: Path) -> Iterator[Damage]:
    for home in sorted(root.iterdir()):
        try:
            noted, found = (home / SUMMARY).read_text(), summary_of(home / "fs")
        except OSError as error:
            reason = (error.strerror or "it cannot be read").lower()
        else:
            if noted == found:
                continue
            reason = f"{_words(found)}, {_words(noted)} were stored"
        remove_tree(home)
        yield Damage("layer", home.name, reason)


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
