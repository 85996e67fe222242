"""One import of what a scan found: only what differs from the import before it is read."""

from __future__ import annotations

import os
import stat

from embedded_engine.store.index import ImportIndex
from embedded_engine.store.intake import VanishedError, digest_host_file, take_file
from embedded_engine.store.layers import LayerStore
from embedded_engine.store.manifest import Entry
from embedded_engine.store.nodes import ROOT, clone_layer
from embedded_engine.store.scan import COLUMNS, Scan
from embedded_engine.store.tree import EMPTY, Tree
from embedded_engine.store.union import Kind, Union
from embedded_engine.store.upper import Upper
from embedded_engine.store.writer import LayerWriter

_ROOT_FACT = Entry(Kind.DIRECTORY, 0o755, 0, 0, 0, "").fact
_FILE = f"{Kind.FILE} "
_FEW = 64  # a layer of changes may have this many entries, however small the tree
_SHARE = 4  # and one in so many of the tree's


class Importer:
    """Brings a scan into the store, on top of the import before it, if there is one."""

    def __init__(self, layers: LayerStore, scan: Scan, index: ImportIndex | None) -> None:
        self._layers = layers
        self._scan = scan
        self._index = index
        self._known = index.manifest.facts if index is not None else {}
        self._before = index.layers if index is not None else ()
        self._facts: dict[str, str] = {"": _ROOT_FACT}
        # Where in the scan each path is that was not the same before.
        self._suspects: dict[str, int] = {}

    def run(self) -> tuple[tuple[str, ...], dict[str, str]]:
        """The layers, bottom first, and the facts of the manifest."""
        self._compare()
        if self._index is None:
            return (self._whole(set(self._suspects)),), self._facts
        for path, place in self._suspects.items():
            self._facts[path] = self._look(path, place)
        changed = {path for path in self._suspects if self._facts[path] != self._known.get(path)}
        gone = self._known.keys() - self._facts.keys()
        if not changed and not gone:
            return self._before, self._facts
        before = self._changed_before()
        most = max(_FEW, len(self._facts) // _SHARE)
        if before is None or len(before | changed | gone) > most:
            return (self._whole(changed),), self._facts
        base = self._before[0]
        return (base, self._difference(base, changed, gone)), self._facts

    def _compare(self) -> None:
        """Tell what is as it was from what has to be looked at."""
        if self._index is None:
            self._suspects = {path: place for place, path in enumerate(self._scan.paths)}
            return
        numbers, before = self._scan.numbers, self._index.numbers
        places = self._index.places
        racy = set(self._index.racy)
        for place, path in enumerate(self._scan.paths):
            known = places.get(path)
            here = place * COLUMNS
            if known is not None and known not in racy:
                there = known * COLUMNS
                if numbers[here : here + COLUMNS] == before[there : there + COLUMNS]:
                    self._facts[path] = self._known[path]
                    continue
            self._suspects[path] = place

    def _look(self, path: str, place: int) -> str:
        """The fact of a path as it is now; a file is read."""
        mode = self._scan.row(place)[4]
        on_host = self._scan.place(path)
        if stat.S_ISREG(mode):
            digest, status = digest_host_file(on_host)
            self._scan.correct(place, status)
            return _file_fact(digest, status)
        if stat.S_ISDIR(mode):
            return Entry(Kind.DIRECTORY, stat.S_IMODE(mode), 0, 0, 0, "").fact
        return Entry(Kind.SYMLINK, 0o777, 0, 0, 0, _read_link(on_host)).fact

    def _changed_before(self) -> set[str] | None:
        """What the layer of changes has so far; None when the stack is not one that this class made."""
        if len(self._before) == 1:
            return set()
        if len(self._before) != 2:
            return None
        top = os.fspath(self._layers.path(self._before[1]))
        return {f"{folder}/{name}"[len(top) + 1 :] for folder, _, names in os.walk(top) for name in names}

    def _whole(self, changed: set[str]) -> str:
        """A layer with everything. What did not change is shared with the layers before."""
        old = self._layers.union(Tree(self._before)) if self._before else None
        with self._layers.stage() as staged:
            staged.origins |= self._layers.origins(self._before)
            upper = Upper(self._layers.union(EMPTY), staged)
            for path in sorted(self._facts.keys() | changed):
                if path in changed or old is None:
                    self._take(upper, path)
                elif path:
                    self._keep(upper, path, old)
            return staged.commit(digests=self._digests())

    def _difference(self, base: str, changed: set[str], gone: set[str]) -> str:
        """A layer with all that differs from the whole one below it."""
        with self._layers.stage() as staged:
            for before in self._before[1:]:
                clone_layer(os.fspath(self._layers.path(before)), os.fspath(staged.fs))
                staged.origins |= self._layers.origins([before])
            union = self._layers.union(Tree((base,)))
            writer = LayerWriter(union, staged)
            for path in sorted(gone):
                writer.remove(path)
            upper = Upper(union, staged)
            for path in sorted(changed):
                self._take(upper, path)
            return staged.commit(digests=self._digests())

    def _digests(self) -> dict[str, str]:
        return {path: fact.rpartition(" ")[2] for path, fact in self._facts.items() if fact.startswith(_FILE)}

    def _keep(self, upper: Upper, path: str, old: Union) -> None:
        node = old.stat(path, follow=False)
        if node.is_dir:
            upper.make(f"/{path}", node.mode, ROOT)
        else:
            upper.put(f"/{path}", node, None, None, link=True)

    def _take(self, upper: Upper, path: str) -> None:
        """Bring one path from the host into the layer, and note what it was when it was read."""
        if not path:
            return
        canonical = f"/{path}"
        place = self._suspects[path]
        mode = self._scan.row(place)[4]
        on_host = self._scan.place(path)
        parent = canonical.rpartition("/")[0]
        if not upper.has(parent):
            upper.descend(parent)
        if stat.S_ISDIR(mode):
            upper.directory_at(canonical, follow=False)
            os.chmod(upper.top + canonical, stat.S_IMODE(mode))
            self._facts[path] = self._look(path, place)
        elif stat.S_ISREG(mode):
            upper.clear(canonical)
            digest, status = take_file(on_host, upper.top + canonical)
            self._scan.correct(place, status)
            self._facts[path] = _file_fact(digest, status)
        else:
            target = _read_link(on_host)
            upper.place(canonical, lambda there: os.symlink(target, there))
            self._facts[path] = Entry(Kind.SYMLINK, 0o777, 0, 0, 0, target).fact


def _file_fact(digest: str, status: os.stat_result) -> str:
    return Entry(Kind.FILE, stat.S_IMODE(status.st_mode), 0, 0, status.st_size, digest).fact


def _read_link(place: str) -> str:
    try:
        return os.readlink(place)
    except OSError as error:
        raise VanishedError(place) from error
