"""Layers on disk: staged beside, committed by one rename, never changed afterwards.

A layer is a directory in the format of an overlayfs upper directory: whiteouts are character devices 0:0, a directory
that hides what is below it has the extended attribute `trusted.overlay.opaque=y` (`user.` when rootless).
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType

from embedded_engine.store.errors import StoreError, storage_errors
from embedded_engine.store.files import remove_tree
from embedded_engine.store.integrity import Integrity, summary_of
from embedded_engine.store.seal import Sealer
from embedded_engine.store.tree import Tree
from embedded_engine.store.union import Union

_SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,100}")
_ORIGINS = "origins"
SUMMARY = "summary"
_TRUSTING = Integrity(0)


class StagedLayer:
    """A layer in the making. Leaving the `with` block without `commit` abandons it."""

    def __init__(self, store: LayerStore, home: Path) -> None:
        self.store = store
        self.home = home
        self.fs = home / "fs"
        self.work = home / "work"
        # Layers whose files this one shares by hard link, theirs included.
        self.origins: set[str] = set()
        self._open = True

    @property
    def rootless(self) -> bool:
        return self.store.rootless

    def commit(self, layer_id: str | None = None, digests: Mapping[str, str] | None = None) -> str:
        """Make it a layer, whole or not at all. Returns its id: `layer_id`, else a new one.

        If a layer with that id exists already, this one is dropped and the other stands. `digests` spare reading
        files again whose content is known: the sha256 of each by its path.
        """
        if not self._open:
            raise StoreError("this layer is committed or abandoned already")
        layer = layer_id or self.store.new_id()
        place = self.store.home(layer)
        with storage_errors("commit a layer"):
            remove_tree(self.work)
            if self.origins:
                (self.home / _ORIGINS).write_text("\n".join(sorted(self.origins)))
            (self.home / SUMMARY).write_text(summary_of(self.fs))
            try:
                os.rename(self.home, place)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
                self.abandon()
            else:
                self.store.sealer.seal(place, digests)
        self._open = False
        return layer

    def abandon(self) -> None:
        """Drop it. Nothing of it remains."""
        if self._open:
            self._open = False
            # The store, when it is closed meanwhile, removes it as well.
            with storage_errors("remove a staged layer"), contextlib.suppress(FileNotFoundError):
                remove_tree(self.home)

    def __enter__(self) -> StagedLayer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.abandon()
        else:
            # What went wrong first is what the user needs to read.
            with contextlib.suppress(StoreError):
                self.abandon()


class LayerStore:
    """The committed layers of a store."""

    def __init__(self, root: Path, staging: Path, *, rootless: bool = False, integrity: Integrity = _TRUSTING) -> None:
        self.root = root
        self.rootless = rootless
        self.sealer = Sealer()
        self._integrity = integrity
        self._staging = staging
        self._present: set[str] = set()

    def stage(self, base: Union | None = None) -> StagedLayer:
        """A fresh layer beside the store: write to `.fs`; `.work` is overlayfs' work directory.

        Its root has mode 0755 and owner 0:0, or what the root of `base` has: overlayfs shows the top one's.
        """
        home = self._staging / secrets.token_hex(6)
        with storage_errors("begin a layer"):
            try:
                home.mkdir()
                staged = StagedLayer(self, home)
                staged.fs.mkdir()
                staged.work.mkdir()
                root = base.lookup("/") if base is not None else None
                staged.fs.chmod(0o755 if root is None else root.mode)
                if root is not None and (root.uid, root.gid) != (os.geteuid(), os.getegid()):
                    os.chown(staged.fs, root.uid, root.gid)
            except OSError:
                with contextlib.suppress(OSError):
                    remove_tree(home)
                raise
        return staged

    def path(self, layer_id: str) -> Path:
        """The directory of a layer, to be used as a lower directory of overlayfs."""
        return self.home(layer_id) / "fs"

    def paths(self, tree: Tree) -> list[Path]:
        """The directories of a tree's layers, bottom first."""
        return [self.path(layer) for layer in tree.layers]

    def union(self, tree: Tree) -> Union:
        """A read-only view of a tree."""
        return Union(self.paths(tree), self.rootless)

    def has(self, layer_id: str) -> bool:
        """Whether the layer exists. It then stays for as long as the store is open."""
        if layer_id in self._present:
            return True
        if _SAFE_ID.fullmatch(layer_id) is None or not self._is_whole(self.root / layer_id):
            return False
        self._present.add(layer_id)
        return True

    def _is_whole(self, home: Path) -> bool:
        """Whether a layer is there as it was committed. What a crash has torn is removed."""
        summary = home / SUMMARY
        try:
            if self._integrity.trusts(summary.stat()):
                return True
            if summary.read_text() == summary_of(home / "fs"):
                self._integrity.found_whole(summary)
                return True
        except (FileNotFoundError, NotADirectoryError):
            if not home.exists():
                return False
        with storage_errors("remove a torn layer"):
            torn = self._staging / f"torn-{secrets.token_hex(6)}"
            with contextlib.suppress(FileNotFoundError):
                home.rename(torn)
            remove_tree(torn)
        return False

    def has_all(self, layers: Iterable[str]) -> bool:
        return all(self.has(layer) for layer in layers)

    def home(self, layer_id: str) -> Path:
        """Where a layer and what is known of it are kept."""
        if _SAFE_ID.fullmatch(layer_id) is None:
            raise StoreError(f"not a layer id: {layer_id!r}")
        return self.root / layer_id

    def new_id(self) -> str:
        """An id that no layer has or had: short, because overlayfs limits the length of a mount's options."""
        return secrets.token_hex(8)

    def origins(self, layers: Iterable[str]) -> set[str]:
        """The layers themselves and all whose files they may share by hard link."""
        found: set[str] = set()
        for layer in layers:
            found.add(layer)
            with contextlib.suppress(FileNotFoundError):
                found.update((self.home(layer) / _ORIGINS).read_text().split())
        return found

    def layer_of(self, location: str) -> str | None:
        """The id of the layer that a path on disk is in."""
        prefix = f"{self.root}/"
        return location[len(prefix) :].partition("/")[0] if location.startswith(prefix) else None
