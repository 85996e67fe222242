"""The changes that a step can make to a file system, each one layer."""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from embedded_engine.errors import EngineError
from embedded_engine.graph.accounts import needs_lookup, resolve_owner
from embedded_engine.graph.filesystem import Change
from embedded_engine.graph.identity import fingerprint
from embedded_engine.graph.node import FsNode
from embedded_engine.graph.wildcards import matching
from embedded_engine.store import LayerWriter, Patterns, Union
from embedded_engine.store.errors import PathNotFoundError
from embedded_engine.store.gitignore import as_patterns, ignored_paths

if TYPE_CHECKING:
    from embedded_engine.graph.graph import Graph

ROOT = (0, 0)
# Setuid, setgid and sticky bits of something new are dropped, as on Dagger; copies keep theirs.
MODE = 0o777
EVERYTHING = Patterns()


class RemovalError(EngineError):
    """Something that cannot be removed."""


@dataclass(frozen=True)
class Owner:
    """Whom written files belong to: `user[:group]`, and the file system that knows the names. Empty: as it is."""

    name: str = ""
    accounts: FsNode | None = None

    async def key(self, graph: Graph) -> str:
        """The name, and where names must be looked up, the file system that knows them."""
        if self.accounts is None or not needs_lookup(self.name):
            return self.name
        return f"{self.name}@{await graph.key(self.accounts)}"

    async def resolve(self, graph: Graph) -> tuple[int, int] | None:
        """(uid, gid), or None to leave owners as they are."""
        return await resolve_owner(graph, self.name, self.accounts)


NOBODY_IN_PARTICULAR = Owner()


@dataclass(frozen=True)
class NewFile(Change):
    """A file with the given contents; missing parents are made. `permissions` of a new file are the mode's low bits."""

    path: str
    contents: bytes
    permissions: int = 0o644
    owner: Owner = NOBODY_IN_PARTICULAR

    async def inputs(self, graph: Graph) -> str:
        return fingerprint("file", self.path, self.contents, self.permissions & MODE, await self.owner.key(graph))

    async def prepare(self, graph: Graph) -> Callable[[LayerWriter], None]:
        owner = await self.owner.resolve(graph)

        def write(writer: LayerWriter) -> None:
            # A file that is there is opened for writing, as on Dagger: its mode stays, whatever is asked for.
            mode = self.permissions & MODE
            writer.write(self.path, self.contents, mode=mode, owner=owner or ROOT, truncate=True)
            if owner is not None:
                writer.chown(self.path, owner, recursive=False)

        return write


@dataclass(frozen=True)
class PutNewFile(Change):
    """A file with the given contents, put at `path` as a copied one is: with its own mode, in place of a link too.

    It goes into `path`, by `name`, if that ends with a slash or is a directory.
    """

    path: str
    name: str
    contents: bytes
    permissions: int = 0o644
    owner: Owner = NOBODY_IN_PARTICULAR

    async def inputs(self, graph: Graph) -> str:
        settings = (self.path, self.name, self.contents, self.permissions & MODE)
        return fingerprint("put-new", *settings, await self.owner.key(graph))

    async def prepare(self, graph: Graph) -> Callable[[LayerWriter], None]:
        owner = await self.owner.resolve(graph) or ROOT

        def put(writer: LayerWriter) -> None:
            path = self.path
            if path.endswith("/"):
                writer.mkdir(posixpath.dirname(path.rstrip("/")))
                writer.mkdir(path, owner=owner)
            if writer.view.exists(path) and writer.view.stat(path).is_dir:
                path = posixpath.join(path, self.name)
            writer.remove(path)
            writer.write(path, self.contents, mode=self.permissions & MODE, owner=owner)

        return put


@dataclass(frozen=True)
class NewDirectory(Change):
    """A directory, with missing parents."""

    path: str
    permissions: int = 0o755
    owner: Owner = NOBODY_IN_PARTICULAR

    async def inputs(self, graph: Graph) -> str:
        return fingerprint("mkdir", self.path, self.permissions & MODE, await self.owner.key(graph))

    async def prepare(self, graph: Graph) -> Callable[[LayerWriter], None]:
        owner = await self.owner.resolve(graph) or ROOT

        def make(writer: LayerWriter) -> None:
            writer.mkdir(self.path, mode=self.permissions & MODE, owner=owner)

        return make


@dataclass(frozen=True)
class CopyDirectory(Change):
    """The contents of a directory of another file system, merged into `path`."""

    source: FsNode
    source_path: str
    path: str
    patterns: Patterns = EVERYTHING
    owner: Owner = NOBODY_IN_PARTICULAR
    permissions: int | None = None
    gitignore: bool = False

    async def inputs(self, graph: Graph) -> str:
        content = await graph.content(self.source, self.source_path, await self._selection(graph))
        return fingerprint("copy", content, self.path, self.permissions, await self.owner.key(graph))

    async def prepare(self, graph: Graph) -> Callable[[LayerWriter], None]:
        owner = await self.owner.resolve(graph)
        source = await graph.union(self.source)
        patterns = await self._selection(graph)

        def copy(writer: LayerWriter) -> None:
            writer.copy_tree(
                source,
                self.source_path,
                self.path,
                patterns=patterns,
                owner=owner,
                permissions=self.permissions,
            )

        return copy

    async def _selection(self, graph: Graph) -> Patterns:
        """The patterns, and where it is wanted, what the `.gitignore` files in the directory leave out."""
        if not self.gitignore:
            return self.patterns
        source = await graph.union(self.source)
        left_out = await asyncio.to_thread(ignored_in, source, self.source_path)
        return Patterns(self.patterns.include, (*self.patterns.exclude, *left_out))


@dataclass(frozen=True)
class CopyFile(Change):
    """A file of another file system, put at `path` (into it, if `path` ends with a slash or is a directory)."""

    source: FsNode
    source_path: str
    path: str
    name: str
    owner: Owner = NOBODY_IN_PARTICULAR
    permissions: int | None = None

    async def inputs(self, graph: Graph) -> str:
        content = await graph.content(self.source, self.source_path)
        return fingerprint("put", content, self.path, self.name, self.permissions, await self.owner.key(graph))

    async def prepare(self, graph: Graph) -> Callable[[LayerWriter], None]:
        owner = await self.owner.resolve(graph)
        source = (await graph.union(self.source)).stat(self.source_path)

        def put(writer: LayerWriter) -> None:
            writer.place(self.path, self.name, source, owner=owner, mode=self.permissions)

        return put


@dataclass(frozen=True)
class Remove(Change):
    """Paths taken away; one with a `*` is a pattern, and one that is not there is no error. The root itself stays."""

    paths: tuple[str, ...]

    async def inputs(self, graph: Graph) -> str:
        return fingerprint("removal", self.paths)

    async def prepare(self, graph: Graph) -> Callable[[LayerWriter], None]:
        def remove(writer: LayerWriter) -> None:
            for pattern in self.paths:
                for path in matching(writer.view, pattern) if "*" in pattern else [pattern]:
                    if writer.view.resolve(path, follow=False) == "/":
                        raise RemovalError(f"unlinkat {path}: device or resource busy")
                    writer.remove(path)

        return remove


@dataclass(frozen=True)
class NewSymlink(Change):
    """A symbolic link at `path` to `target`, which need not exist."""

    path: str
    target: str

    async def inputs(self, graph: Graph) -> str:
        return fingerprint("symlink", self.path, self.target)

    async def prepare(self, graph: Graph) -> Callable[[LayerWriter], None]:
        def link(writer: LayerWriter) -> None:
            if not self.target:
                raise PathNotFoundError(self.path, "symlink")
            writer.symlink(self.target, self.path)

        return link


@dataclass(frozen=True)
class ChangeOwner(Change):
    """Another owner for everything at and below `path`."""

    path: str
    owner: Owner

    async def inputs(self, graph: Graph) -> str:
        return fingerprint("chown", self.path, await self.owner.key(graph))

    async def prepare(self, graph: Graph) -> Callable[[LayerWriter], None]:
        owner = await self.owner.resolve(graph) or ROOT
        return lambda writer: writer.chown(self.path, owner, recursive=True)


@dataclass(frozen=True)
class SetTimestamps(Change):
    """One modification time, in seconds since the epoch, for everything at and below `path`."""

    path: str
    seconds: int

    async def inputs(self, graph: Graph) -> str:
        return fingerprint("timestamps", self.path, self.seconds)

    async def prepare(self, graph: Graph) -> Callable[[LayerWriter], None]:
        return lambda writer: writer.utime_all(self.seconds * 1_000_000_000, self.path)


def ignored_in(union: Union, path: str) -> tuple[str, ...]:
    """Patterns for what the `.gitignore` files of a directory leave out of it."""
    top = union.resolve(path).rstrip("/")

    def listed(directory: str) -> list[tuple[str, bool]]:
        return [(name, node.is_dir) for name, node in union.entries(f"{top}/{directory}".rstrip("/")).items()]

    def read(file: str) -> str:
        return union.read(f"{top}/{file}").decode("utf-8", "replace")

    return as_patterns(ignored_paths(listed, read))
