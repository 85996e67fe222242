"""Directories and files of the host as trees of the store, read once and then only where something changed.

An import is a layer with everything and, after changes, one layer on top with what differs from it. When that grows
large a new whole layer is made. Everything belongs to 0:0 and has no extended attributes; modes and times are kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

from embedded_engine.store.errors import StoreError, storage_errors
from embedded_engine.store.importer import Importer
from embedded_engine.store.index import ImportIndex
from embedded_engine.store.intake import VanishedError
from embedded_engine.store.layers import LayerStore
from embedded_engine.store.locks import Locks
from embedded_engine.store.manifest import Manifest
from embedded_engine.store.patterns import Patterns
from embedded_engine.store.scan import Scan, scan_file, scan_tree
from embedded_engine.store.tree import Tree

_RACY_NS = 2_000_000_000
_TRIES = 4

_EVERYTHING = Patterns()


class HostTrees:
    """Imports of host files into a store."""

    def __init__(self, root: Path, layers: LayerStore, locks: Locks) -> None:
        self._root = root
        self._layers = layers
        self._locks = locks

    def import_tree(self, root: Path, patterns: Patterns = _EVERYTHING) -> tuple[Tree, Manifest]:
        """What the patterns take of a directory, and its manifest. Links stay links, wherever they lead."""
        name = _name("tree", os.path.abspath(root), patterns.include, patterns.exclude)
        return self._import(name, lambda: scan_tree(root, patterns))

    def import_file(self, path: Path) -> tuple[Tree, Manifest]:
        """A tree with one file, under its own name. A link is followed."""
        name = _name("file", os.path.abspath(path))
        return self._import(name, lambda: scan_file(path))

    def _import(self, name: str, look: Callable[[], Scan]) -> tuple[Tree, Manifest]:
        with self._locks.lock_blocking(f"host:{name}"):
            for _ in range(_TRIES):
                read_ns = time.time_ns()
                with contextlib.suppress(VanishedError):
                    return self._import_scan(self._root / name, look(), read_ns)
        raise StoreError("files keep coming and going while they are read: stop what writes them, or exclude them")

    def _import_scan(self, place: Path, scan: Scan, read_ns: int) -> tuple[Tree, Manifest]:
        index = ImportIndex.load(place)
        if index is not None and not self._layers.has_all(index.layers):
            index = None
        if index is not None and not index.racy and scan.same_as(index.paths, index.numbers):
            with contextlib.suppress(OSError):
                os.utime(place, ns=(read_ns, place.stat().st_mtime_ns))
            return Tree(index.layers), index.manifest
        with storage_errors(f"import {scan.root}"):
            layers, facts = Importer(self._layers, scan, index).run()
            paths = sorted(facts)
            manifest = Manifest(paths, [facts[path] for path in paths])
            racy = scan.changed_since(read_ns - _RACY_NS)
            ImportIndex(scan.paths, scan.numbers, racy, layers, manifest.digest, manifest.dump()).save(place)
        return Tree(layers), manifest


def _name(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
