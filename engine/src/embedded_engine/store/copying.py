"""Copying what is in a directory of one tree into a directory of a layer in the making."""

from __future__ import annotations

from embedded_engine.store.errors import StoreError
from embedded_engine.store.nodes import Owner
from embedded_engine.store.patterns import Selection
from embedded_engine.store.union import Kind, Node, Union
from embedded_engine.store.upper import Upper


class TreeCopier:
    """One run of `copy_tree`."""

    def __init__(
        self, upper: Upper, source: Union, owner: Owner | None, mode: int | None, selection: Selection
    ) -> None:
        self._upper = upper
        self._source = source
        self._owner = owner
        self._mode = mode
        self._selection = selection
        self._everything = selection.everything
        self._link = upper.may_link(upper.origins_of(source.paths))
        # Files with several names in the source keep them.
        self._names: dict[tuple[int, int], str] = {}

    def run(self, source: str, dest: str) -> None:
        """Copy what is below `source` into the directory `dest`, both resolved."""
        top = _Frame("" if source == "/" else source, "", dest, self._selection, None, None)
        stack = [(top, iter(self._source.entries(top.source).items()))]
        while stack:
            frame, left = stack[-1]
            for name, node in left:
                path = f"{frame.path}/{name}" if frame.path else name
                if node.is_dir:
                    below = self._enter(frame, name, path, node)
                    if below is not None:
                        stack.append((below, iter(self._source.entries(below.source).items())))
                        break
                elif self._everything or frame.selection.takes(path):
                    self._copy(f"{self._dest(frame)}/{name}", node)
            else:
                stack.pop()
                if frame.node is not None and frame.dest is not None:
                    # What was put into it changed its time.
                    self._upper.describe(frame.dest, frame.node, self._owner, self._mode)

    def _enter(self, frame: _Frame, name: str, path: str, node: Node) -> _Frame | None:
        selection = frame.selection if self._everything else frame.selection.enter(path)
        if not selection.taken and not selection.descends:
            return None
        below = _Frame(f"{frame.source}/{name}", path, None, selection, node, frame)
        if selection.taken:
            self._dest(below)
        return below

    def _dest(self, frame: _Frame) -> str:
        """The directory of a frame, made now if nothing needed it before."""
        missing: list[_Frame] = []
        current: _Frame | None = frame
        while current is not None and current.dest is None:
            missing.append(current)
            current = current.parent
        known = "" if current is None or current.dest is None else current.dest
        for each in reversed(missing):
            self._must_be_directory(each, known)
            known = each.dest = self._upper.directory_at(f"{known}/{each.path.rpartition('/')[2]}")
        return known

    def _must_be_directory(self, frame: _Frame, parent: str) -> None:
        """A directory that was not selected itself, only something in it, takes no file's place."""
        place = f"{parent}/{frame.path.rpartition('/')[2]}"
        if self._everything or frame.selection.taken or not self._upper.exists(place):
            return
        if not self._upper.stat(place).is_dir:
            raise StoreError(f'cannot copy directory to non-directory "{place}"')

    def _copy(self, canonical: str, node: Node) -> None:
        if node.kind is Kind.FILE and node.status.st_nlink > 1:
            identity = (node.status.st_dev, node.status.st_ino)
            first = self._names.get(identity)
            if first is not None and self._upper.link(first, canonical, node):
                return
            self._names[identity] = canonical
        self._upper.put(canonical, node, self._owner, self._mode, self._link)


class _Frame:
    """A directory that is being copied. `dest` is None until something is copied into it."""

    __slots__ = ("dest", "node", "parent", "path", "selection", "source")

    def __init__(
        self,
        source: str,
        path: str,
        dest: str | None,
        selection: Selection,
        node: Node | None,
        parent: _Frame | None,
    ) -> None:
        self.source = source
        self.path = path
        self.dest = dest
        self.selection = selection
        self.node = node
        self.parent = parent
