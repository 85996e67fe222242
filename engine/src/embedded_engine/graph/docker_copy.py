"""COPY and ADD of a Dockerfile: several sources with wildcards into one place."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from embedded_engine.errors import EngineError
from embedded_engine.graph.archives import is_archive, unpack
from embedded_engine.graph.changes import NOBODY_IN_PARTICULAR, ROOT, Owner
from embedded_engine.graph.filesystem import Change
from embedded_engine.graph.identity import fingerprint
from embedded_engine.graph.node import FsNode
from embedded_engine.graph.wildcards import has_wildcards, matching
from embedded_engine.store import LayerWriter, Patterns, Union

if TYPE_CHECKING:
    from embedded_engine.graph.graph import Graph


class CopySourceError(EngineError):
    """A source of a COPY that is not there."""


@dataclass(frozen=True)
class DockerCopy(Change):
    """Sources of `origin`, and inline files, copied to `destination` (a directory if it ends with `/`).

    `exclude` are patterns for what is inside a source that is a directory. `line` is for messages.
    """

    origin: FsNode
    sources: tuple[str, ...]
    destination: str
    files: tuple[tuple[str, bytes, int], ...] = ()
    owner: Owner = NOBODY_IN_PARTICULAR
    mode: int | None = None
    exclude: tuple[str, ...] = ()
    parents: bool = False
    unpack: bool = False
    line: int = 0

    async def inputs(self, graph: Graph) -> str:
        found = self._found(await graph.union(self.origin)) if self.sources else {}
        contents = [(path, await graph.content(self.origin, path, Patterns(exclude=self.exclude))) for path in found]
        settings = (self.destination, self.files, self.mode, self.parents, self.unpack, await self.owner.key(graph))
        return fingerprint("docker-copy", contents, settings)

    async def prepare(self, graph: Graph) -> Callable[[LayerWriter], None]:
        owner = await self.owner.resolve(graph)
        source = await graph.union(self.origin) if self.sources else Union(())
        found = self._found(source) if self.sources else {}

        def copy(writer: LayerWriter) -> None:
            into = self.destination.endswith("/") or len(found) + len(self.files) > 1
            for path, leading in found.items():
                self._copy(writer, source, path, leading, owner, into)
            for name, content, mode in self.files:
                target = posixpath.join(self.destination, name) if into else self.destination
                writer.write(target, content, mode=self.mode or mode, owner=owner or ROOT)

        return copy

    def _copy(
        self,
        writer: LayerWriter,
        source: Union,
        path: str,
        leading: str,
        owner: tuple[int, int] | None,
        into: bool,
    ) -> None:
        """Copy one source. With `parents`, `leading` is what of its path is not kept."""
        node = source.stat(path)
        target = self.destination
        if self.parents:
            kept = path.strip("/")[len(leading) :]
            target = posixpath.join(target, kept if node.is_dir else posixpath.dirname(kept), "")
        if node.is_dir:
            patterns = Patterns(exclude=self.exclude)
            writer.copy_tree(source, path, target, patterns=patterns, owner=owner, permissions=self.mode)
            return
        if self.unpack and is_archive(node.real):
            unpack(writer, node.real, self.destination, owner)
            return
        target = posixpath.join(target, "") if into or self.parents else target
        writer.place(target, posixpath.basename(path), node, owner=owner, mode=self.mode)

    def _found(self, source: Union) -> dict[str, str]:
        """The paths that the sources name, each with what stands before `/./` in its source.

        A source must name something, unless it has wildcards.
        """
        found: dict[str, str] = {}
        for pattern in self.sources:
            leading, pivot, _ = pattern.partition("/./")
            leading = posixpath.normpath(leading).strip("./") if pivot else ""
            whole = posixpath.normpath(posixpath.join("/", pattern))
            present = [path for path in matching(source, whole) if source.exists(path)]
            if not present and not has_wildcards(pattern):
                raise CopySourceError(
                    f'Dockerfile:{self.line}: failed to calculate checksum of ref: "{pattern}": not found'
                )
            found |= dict.fromkeys(present, f"{leading}/" if leading else "")
        return found
