"""The one way to make a layer on top of a tree: files, directories, copies and removals as overlayfs would keep them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from embedded_engine.store.copying import TreeCopier
from embedded_engine.store.errors import (
    PathExistsError,
    PathIsDirectoryError,
    PathNotDirectoryError,
    storage_errors,
)
from embedded_engine.store.files import make_whiteout, write_all
from embedded_engine.store.layers import StagedLayer
from embedded_engine.store.nodes import ROOT, Owner
from embedded_engine.store.patterns import Patterns
from embedded_engine.store.union import Kind, Node, Union
from embedded_engine.store.upper import Upper

Content = bytes | BinaryIO | Iterable[bytes]

_ALL = Patterns()


class LayerWriter:
    """Writes a staged layer on a base. `view` shows base and layer together, as far as it is written.

    Paths are as in `Union`: inside the root, links resolved there. It must not be used by two threads at once.
    """

    def __init__(self, base: Union, staged: StagedLayer) -> None:
        self._upper = Upper(base, staged)

    @property
    def view(self) -> Union:
        """What the tree will be. Read it before or after a call of this writer, not while one runs."""
        return self._upper

    def mkdir(self, path: str, mode: int = 0o755, owner: Owner = ROOT) -> str:
        """A directory with its parents. Those it has to make get `mode` and `owner`, those that exist stay as they are.

        Returns where it is, with links resolved.
        """
        with storage_errors(f"make {path}"):
            canonical = self._resolve(path)
            self._upper.make_all(canonical, path, mode, owner)
            return canonical or "/"

    def write(
        self, path: str, content: Content, mode: int = 0o644, owner: Owner = ROOT, *, truncate: bool = False
    ) -> str:
        """A file, through a symbolic link at `path` if there is one; parents are made with mode 0755.

        With `truncate`, a file that exists keeps its mode and owner, as one opened for writing does.
        """
        with storage_errors(f"write {path}"):
            canonical = self._resolve(path)
            known = self._upper.lookup(canonical)
            if known is not None and known.is_dir:
                raise PathIsDirectoryError(path, "open")
            if truncate and known is not None and known.kind is Kind.FILE:
                mode, owner = known.mode, (known.uid, known.gid)
            self._upper.make_all(canonical.rpartition("/")[0], path)
            self._upper.place(canonical, lambda place: _create(place, content, mode, owner))
            return canonical

    def put(self, path: str, node: Node, owner: Owner | None = None, mode: int | None = None) -> str:
        """What `node` of another tree is (anything but a directory), at `path`; what is there is replaced.

        Parents are made with mode 0755. A link at `path` itself is replaced, not followed. The file shares its
        content with the store where that cannot be noticed.
        """
        with storage_errors(f"write {path}"):
            if node.is_dir:
                raise PathIsDirectoryError(path, "copy")
            canonical = self._resolve(path, follow=False)
            if not canonical:
                raise PathIsDirectoryError(path, "open")
            self._upper.make_all(canonical.rpartition("/")[0], path)
            link = self._upper.may_link(self._upper.origins_of([node.location]))
            self._upper.put(canonical, node, owner, mode, link)
            return canonical

    def place(self, path: str, name: str, node: Node, owner: Owner | None = None, mode: int | None = None) -> str:
        """`put`, as a copy command reads its target: inside it as `name` if it is a directory or ends with `/`."""
        if path.endswith(("/", "/.")) or path in ("", "."):
            self.mkdir(f"{path}/..")
            return self.put(f"{self.mkdir(path, owner=owner or ROOT)}/{name}", node, owner, mode)
        canonical = self._resolve(path)
        known = self._upper.lookup(canonical)
        if known is not None and known.is_dir:
            path = f"{canonical}/{name}"
        return self.put(path, node, owner, mode)

    def copy_tree(
        self,
        source: Union,
        source_path: str,
        dest: str,
        *,
        patterns: Patterns | None = None,
        owner: Owner | None = None,
        permissions: int | None = None,
    ) -> str:
        """Copy what is *in* a directory into `dest`, merged with what is there; a file there gives way.

        `dest` takes over mode, owner and attributes of the source directory (unless it is the root), and so does each
        directory below. `owner` and `permissions` replace those of everything copied. Parents of `dest` are made
        with mode 0755. This is what Dagger's withDirectory does.
        """
        top = source.stat(source_path)
        if not top.is_dir:
            raise PathNotDirectoryError(source_path, "copy")
        with storage_errors(f"copy to {dest}"):
            canonical = self._resolve(dest, follow=False)
            if canonical:
                self._upper.make_all(canonical.rpartition("/")[0], dest)
                canonical = self._upper.directory_at(canonical)
            if canonical:
                self._upper.describe(canonical, top, owner, permissions)
            copier = TreeCopier(self._upper, source, owner, permissions, (patterns or _ALL).root())
            copier.run(source.resolve(source_path), canonical)
            return canonical or "/"

    def symlink(self, target: str, path: str, owner: Owner = ROOT) -> str:
        """A symbolic link at `path`, at which nothing may be; parents are made with mode 0755."""
        with storage_errors(f"link {path}"):
            canonical = self._resolve(path, follow=False)
            if not canonical or self._upper.lookup(canonical) is not None:
                raise PathExistsError(path)
            self._upper.make_all(canonical.rpartition("/")[0], path)
            self._upper.place(canonical, lambda place: _link(place, target, owner))
            return canonical

    def remove(self, path: str) -> bool:
        """Remove a file or a directory with all in it; a link itself, not what it leads to. False if nothing is there."""
        with storage_errors(f"remove {path}"):
            canonical = self._resolve(path, follow=False)
            if not canonical:
                for name in self._upper.entries(""):
                    self._remove(f"/{name}")
                return True
            if self._upper.lookup(canonical) is None:
                return False
            self._remove(canonical)
            return True

    def chown(self, path: str, owner: Owner, recursive: bool = True) -> None:
        """Give what is at `path`, and all below it, to `owner`. Links inside are given away themselves."""
        with storage_errors(f"chown {path}"):
            for canonical in self._each(path, recursive):
                os.lchown(self._upper.own(canonical), *owner)

    def utime_all(self, ns: int, path: str = "/") -> None:
        """Set the times of everything at and below `path`, in nanoseconds since 1970.

        What the base has is copied: layers do not change, and all names of a file have one time.
        """
        with storage_errors(f"set times of {path}"):
            places = [self._upper.own(canonical) for canonical in self._each(path, recursive=True)]
            # Bringing things into the layer touched the directories that they are in, so times come last.
            for place in places:
                os.utime(place, ns=(ns, ns), follow_symlinks=False)

    def _resolve(self, path: str, *, follow: bool = True) -> str:
        canonical = self._upper.resolve(path, follow)
        return "" if canonical == "/" else canonical

    def _remove(self, canonical: str) -> None:
        self._upper.remove(canonical)
        parent = canonical.rpartition("/")[0]
        if self._upper.base_shows(parent) and self._upper.base.lookup(canonical) is not None:
            self._upper.descend(parent)
            make_whiteout(self._upper.top + canonical)

    def _each(self, path: str, recursive: bool) -> list[str]:
        """The resolved path and, if wanted, everything below."""
        node = self._upper.stat(path)
        top = self._resolve(path)
        if not recursive or not node.is_dir:
            return [top]
        return [top, *(f"{top}/{below}" for below, _ in self._upper.walk(top or "/"))]


def _create(place: str, content: Content, mode: int, owner: Owner) -> None:
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        for block in _blocks(content):
            write_all(descriptor, block)
        os.fchown(descriptor, *owner)
        os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)


def _link(place: str, target: str, owner: Owner) -> None:
    os.symlink(target, place)
    os.lchown(place, *owner)


def _blocks(content: Content) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
    elif hasattr(content, "read"):
        while block := content.read(1 << 18):
            yield block
    else:
        yield from content
