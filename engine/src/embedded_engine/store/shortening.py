"""Long stacks made shorter: a run of layers becomes one, so that a chain of steps may be of any length.

Overlayfs joins at most 500 layers, and every look at a path asks all of them. Layers that steps made are merged by the
dozen, merged layers by the dozen again, so that each file takes part in few merges; an image's own layers stay as they
are. What is merged follows from the stack alone: the same steps give the same layers in every session.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from itertools import groupby
from typing import TYPE_CHECKING

from embedded_engine.store.errors import storage_errors
from embedded_engine.store.files import OVERLAY_PREFIXES, is_opaque, is_whiteout, make_whiteout
from embedded_engine.store.tree import Tree
from embedded_engine.store.union import Node, node_at
from embedded_engine.store.upper import Upper

if TYPE_CHECKING:
    from embedded_engine.store.store import Store

LONGEST = 128
"""A stack with more layers than this is shortened."""
RUN = 64
_MERGED = "merged"


def shortened(store: Store, tree: Tree, longest: int = LONGEST, run: int = RUN) -> Tree:
    """The same file system in no more than `longest` layers, if merging runs of `run` layers can do that. Blocks."""
    layers = tree.layers
    while len(layers) > longest and (found := _lowest_run(layers, run)) is not None:
        layers = (*layers[: found.start], _merged(store, layers, found), *layers[found.stop :])
    return Tree(layers)


def _lowest_run(layers: Sequence[str], length: int) -> slice | None:
    """The first `length` neighbours that steps made, or that as many merges made, if there are any; the least merged."""
    found: dict[int, slice] = {}
    start = 0
    for level, group in groupby(layers, _level):
        end = start + sum(1 for _ in group)
        if level is not None and end - start >= length:
            found.setdefault(level, slice(start, start + length))
        start = end
    return found[min(found)] if found else None


def _level(layer: str) -> int | None:
    """How often its content was merged; None for a layer with a name of its own, such as an image's."""
    if layer.startswith(_MERGED):
        return int(layer.removeprefix(_MERGED).partition("-")[0])
    return None if "-" in layer else 0


def _merged(store: Store, layers: Sequence[str], run: slice) -> str:
    """One layer that shows on those below the run what the run shows there."""
    level = (_level(layers[run.start]) or 0) + 1
    name = f"{_MERGED}{level}-{hashlib.sha256(' '.join(layers[: run.stop]).encode()).hexdigest()[:16]}"
    # A result of its own keeps the layer for as long as it is used.
    key = f"layer:{name}"
    if store.results.get(key) is not None:
        return name
    with store.lock_blocking(key), storage_errors("merge layers"):
        if store.results.get(key) is not None:
            return name
        base = store.layers.union(Tree(tuple(layers[: run.start])))
        with store.layers.stage(base) as staged:
            staged.origins |= store.layers.origins(layers[run])
            upper = Upper(base, staged)
            for layer in layers[run]:
                _apply(upper, os.fspath(store.layers.path(layer)))
            staged.commit(name)
        store.results.put(key, {}, [name])
        return name


def _apply(upper: Upper, layer: str) -> None:
    """Do to a layer in the making what another one does to the stack below it."""
    directories: list[tuple[str, Node]] = [("", node_at(layer, os.lstat(layer)))]
    for canonical, _ in directories:
        # What is found below a directory is appended: the loop comes to it later.
        with os.scandir(layer + canonical) as entries:
            for entry in entries:
                place = f"{canonical}/{entry.name}"
                node = node_at(entry.path, entry.stat(follow_symlinks=False))
                if is_whiteout(node.status):
                    _remove(upper, place)
                elif node.is_dir:
                    _enter(upper, place, node)
                    directories.append((place, node))
                else:
                    upper.put(place, node, None, None, link=True)
    for canonical, node in directories:
        _drop_attributes(upper.top + canonical)
        upper.describe(canonical, node)


def _remove(upper: Upper, canonical: str) -> None:
    upper.remove(canonical)
    if upper.base_shows(canonical.rpartition("/")[0]) and upper.base.lookup(canonical) is not None:
        make_whiteout(upper.top + canonical)


def _enter(upper: Upper, canonical: str, node: Node) -> None:
    """See that a directory is in the layer: a fresh one where it hides what was there, else merged with that."""
    known = None if is_opaque(node.location, rootless=upper.rootless) else upper.lookup(canonical)
    if known is None or not known.is_dir:
        upper.make(canonical, node.mode, (node.uid, node.gid))
    else:
        upper.descend(canonical)


def _drop_attributes(place: str) -> None:
    """Remove what a layer below said of a directory; what the layer says of it itself comes afterwards."""
    with suppress(OSError):
        for name in os.listxattr(place):
            if not name.startswith(OVERLAY_PREFIXES):
                os.removexattr(place, name)
