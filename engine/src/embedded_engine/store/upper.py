"""The layer in the making: which of its directories exist, what they hide, and the view of base and layer together.

Within the layer a directory is either *merged* with what the base has at its path, or *fresh*: the base shows nothing
there, because it has no directory at that path or because the layer hides it. Paths are resolved ones here.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Callable, Iterable

from embedded_engine.store.errors import PathNotDirectoryError, PathNotFoundError, StoreError
from embedded_engine.store.files import copy_xattrs, is_opaque, make_opaque, remove_tree
from embedded_engine.store.layers import StagedLayer
from embedded_engine.store.nodes import ROOT, Owner, copy_node
from embedded_engine.store.union import Kind, Node, Union


class Upper(Union):
    """A staged layer on its base. It is the view of both, as far as the layer is written."""

    def __init__(self, base: Union, staged: StagedLayer) -> None:
        super().__init__((*base.paths, staged.fs), staged.rootless)
        self.base = base
        self.staged = staged
        self.top = os.fspath(staged.fs)
        self._base_origins: set[str] | None = None
        # Every directory that the layer has is in one of these.
        self.merged = {""} if base.paths else set()
        self.fresh = set() if base.paths else {""}
        self._learn()

    def has(self, canonical: str) -> bool:
        """Whether the layer itself has the directory."""
        return canonical in self.merged or canonical in self.fresh

    def _stack(self, canonical: str) -> tuple[str, ...]:
        if canonical in self.fresh:
            return (self.top + canonical,)
        if canonical in self.merged:
            return (self.top + canonical, *self.base._stack(canonical))
        if not self.base_shows(canonical):
            return ()
        return self.base._stack(canonical)

    def base_shows(self, canonical: str) -> bool:
        """Whether the base's directory at a path, if it has one, is part of the view."""
        known, below = canonical, ""
        while known not in self.merged:
            if known in self.fresh:
                return False
            known, _, name = known.rpartition("/")
            below = f"{known}/{name}"
        return not below or not os.path.lexists(self.top + below)

    def _learn(self) -> None:
        """Take note of directories that the layer has already."""
        pending = [""]
        while pending:
            directory = pending.pop()
            with os.scandir(self.top + directory) as scan:
                for entry in scan:
                    if not entry.is_dir(follow_symlinks=False):
                        continue
                    below = f"{directory}/{entry.name}"
                    hidden = directory in self.fresh or not self.base._stack(below)
                    opaque = is_opaque(entry.path, rootless=self.rootless)
                    (self.fresh if hidden or opaque else self.merged).add(below)
                    pending.append(below)

    def make_all(self, canonical: str, path: str, mode: int = 0o755, owner: Owner = ROOT) -> None:
        """See that a path is a directory in the layer. `path` is what the user wrote."""
        missing: list[str] = []
        known = canonical
        while known and not self.has(known):
            missing.append(known)
            known = known.rpartition("/")[0]
        for place in reversed(missing):
            node = self.lookup(place)
            if node is None:
                self.make(place, mode, owner)
            elif node.is_dir:
                self.descend(place)
            else:
                raise PathNotDirectoryError(path, "mkdir")

    def descend(self, canonical: str) -> None:
        """Bring a directory that the base has into the layer, as it is, with its parents."""
        missing: list[str] = []
        while not self.has(canonical):
            missing.append(canonical)
            canonical = canonical.rpartition("/")[0]
        for place in reversed(missing):
            node = self.base.lookup(place)
            if node is None or not node.is_dir:
                raise StoreError(f"the store is damaged: {place} is not the directory that it was")
            os.mkdir(self.top + place, 0o700)
            self.merged.add(place)
            self.describe(place, node)

    def make(self, canonical: str, mode: int, owner: Owner) -> None:
        """A new directory in one that the layer has, in place of whatever else is there."""
        place = self.top + canonical
        parent = canonical.rpartition("/")[0]
        hides = parent not in self.fresh and bool(self.base._stack(canonical))
        try:
            os.mkdir(place, 0o700)
        except FileExistsError:
            self.remove(canonical)
            os.mkdir(place, 0o700)
        self.fresh.add(canonical)
        if hides:
            make_opaque(place, rootless=self.rootless)
        os.chown(place, *owner)
        os.chmod(place, mode)

    def directory_at(self, canonical: str, *, follow: bool = True) -> str:
        """The directory to copy into at a path whose parent is in the layer: links are followed, files give way."""
        if self.has(canonical):
            return canonical
        node = self.lookup(canonical)
        if follow and node is not None and node.kind is Kind.SYMLINK:
            led_to = self._canonical(canonical, True)
            there = self.lookup(led_to)
            if there is not None and there.is_dir:
                self.descend(led_to)
                return led_to
        if node is not None and node.is_dir:
            self.descend(canonical)
        else:
            self.make(canonical, 0o755, ROOT)
        return canonical

    def describe(self, canonical: str, like: Node, owner: Owner | None = None, mode: int | None = None) -> None:
        """Give a directory of the layer the metadata of another."""
        place = self.top + canonical
        os.chown(place, *(owner or (like.uid, like.gid)))
        os.chmod(place, like.mode if mode is None else mode)
        if like.location:
            copy_xattrs(like.location, place)
        os.utime(place, ns=(like.mtime_ns, like.mtime_ns))

    def place(self, canonical: str, create: Callable[[str], None]) -> None:
        """Create what is not a directory in a directory that the layer has, in place of what is there."""
        place = self.top + canonical
        try:
            create(place)
        except FileExistsError:
            self.remove(canonical)
            create(place)

    def remove(self, canonical: str) -> None:
        """Remove what the layer itself has at a path."""
        place = self.top + canonical
        if self.has(canonical):
            below = f"{canonical}/"
            for known in (self.merged, self.fresh):
                known.difference_update([each for each in known if each == canonical or each.startswith(below)])
            remove_tree(place)
            return
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            os.unlink(place)

    def clear(self, canonical: str) -> None:
        """See that the layer itself has nothing at a path."""
        if os.path.lexists(self.top + canonical):
            self.remove(canonical)

    def put(self, canonical: str, node: Node, owner: Owner | None, mode: int | None, link: bool) -> None:
        """Create a copy of a node in a directory that the layer has."""
        kept = (node.uid, node.gid)
        if link and node.kind is Kind.FILE and (owner or kept) == kept and (mode is None or mode == node.mode):
            try:
                self.place(canonical, lambda place: os.link(node.location, place, follow_symlinks=False))
            except OSError as error:
                if error.errno not in (errno.EMLINK, errno.EXDEV, errno.EPERM):
                    raise
            else:
                return
        self.place(canonical, lambda place: copy_node(node, place, owner, mode))

    def link(self, first: str, canonical: str, node: Node) -> bool:
        """Give the copy of `node` at `first` a second name, if it still is that copy and the disk allows it."""
        try:
            status = os.lstat(self.top + first)
            if (status.st_size, status.st_mtime_ns) != (node.size, node.mtime_ns):
                return False
            self.place(canonical, lambda place: os.link(self.top + first, place, follow_symlinks=False))
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.EMLINK, errno.EPERM):
                return False
            raise
        return True

    def own(self, canonical: str) -> str:
        """The place of something in the layer, brought there if only the base has it, and shared with no other."""
        place = self.top + canonical
        if self.has(canonical):
            return place
        node = self.lookup(canonical)
        if node is None:
            raise PathNotFoundError(canonical)
        if node.is_dir:
            self.descend(canonical)
        elif node.location != place:
            self.descend(canonical.rpartition("/")[0])
            copy_node(node, place, None, None)
        elif node.kind is Kind.FILE and node.status.st_nlink > 1:
            beside = f"{place[: place.rindex('/')]}/.{secrets.token_hex(8)}"
            copy_node(node, beside, None, None)
            os.rename(beside, place)
        return place

    def origins_of(self, locations: Iterable[str]) -> set[str] | None:
        """The layers that files at these places may share; None when they are not in the store."""
        layers = [self.staged.store.layer_of(f"{location}/") for location in locations]
        known = [layer for layer in layers if layer is not None]
        return self.staged.store.origins(known) if known and len(known) == len(layers) else None

    def may_link(self, origins: set[str] | None) -> bool:
        """Whether no file from these layers can be in this tree already: two of its paths must never be one file."""
        if origins is None:
            return False
        if self._base_origins is None:
            self._base_origins = self.origins_of(self.base.paths) if self.base.paths else set()
        if self._base_origins is None or not self._base_origins.isdisjoint(origins):
            return False
        if not self.staged.origins.isdisjoint(origins):
            return False
        self.staged.origins |= origins
        return True
