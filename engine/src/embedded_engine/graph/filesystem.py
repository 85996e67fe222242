"""Nodes that come from outside (nothing, an image, the host) and the node that changes another one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from embedded_engine.graph.identity import fingerprint
from embedded_engine.graph.node import FsNode
from embedded_engine.store import EMPTY, Manifest, Tree

if TYPE_CHECKING:
    from embedded_engine.graph.graph import Graph
    from embedded_engine.images.source import ResolvedImage
    from embedded_engine.store import LayerWriter


@dataclass(frozen=True, eq=False)
class Scratch(FsNode):
    """An empty file system."""

    async def key(self, graph: Graph) -> str:
        return "scratch"

    async def build(self, graph: Graph) -> Tree:
        return EMPTY


@dataclass(frozen=True, eq=False)
class Imported(FsNode):
    """A tree whose content is known: a directory or file of the host, a git checkout, a download."""

    content: str
    tree: Tree = field(compare=False)
    manifest: Manifest = field(compare=False)

    async def key(self, graph: Graph) -> str:
        return f"content:{self.content}"

    async def build(self, graph: Graph) -> Tree:
        return self.tree


@dataclass(frozen=True, eq=False)
class Image(FsNode):
    """The layers of a container image, by its digest; pulled or built when they are needed."""

    image_key: str
    resolved: ResolvedImage = field(compare=False)

    async def key(self, graph: Graph) -> str:
        return f"image:{self.image_key}"

    async def build(self, graph: Graph) -> Tree:
        registry = self.resolved.reference_with_digest.partition("/")[0]
        return await graph.images.fetch(self.resolved, graph.logins.find(registry))


class Change(ABC):
    """One step that turns a file system into another, such as a file written or a directory copied in."""

    @abstractmethod
    async def inputs(self, graph: Graph) -> str:
        """The fingerprint of the change itself, by the content of what it brings in."""

    @abstractmethod
    async def prepare(self, graph: Graph) -> Callable[[LayerWriter], None]:
        """Make what it needs and return the work that writes the layer; that work runs in a thread."""


@dataclass(frozen=True, eq=False)
class Patch(FsNode):
    """`base` with one change applied."""

    base: FsNode
    change: Change

    async def key(self, graph: Graph) -> str:
        return fingerprint("patch", await graph.key(self.base), await self.change.inputs(graph))

    async def build(self, graph: Graph) -> Tree:
        key = await graph.key(self)
        base = await graph.tree(self.base)
        return await graph.patched(key, base, await self.change.prepare(graph))
