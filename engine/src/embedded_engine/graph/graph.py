"""The evaluator: trees, keys and contents of nodes, each made once in a session and remembered in the store."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from typing import TYPE_CHECKING

from embedded_engine.graph.filesystem import Imported
from embedded_engine.graph.flight import SingleFlight
from embedded_engine.graph.identity import fingerprint
from embedded_engine.logins import Logins
from embedded_engine.store import LONGEST, LayerWriter, Manifest, Patterns, Tree, Union, shortened

if TYPE_CHECKING:
    from embedded_engine.events import Emit
    from embedded_engine.graph.node import FsNode
    from embedded_engine.images.source import ImageSource
    from embedded_engine.sandbox import Sandbox
    from embedded_engine.secrets import Secrets
    from embedded_engine.services import Services
    from embedded_engine.store import Store

EVERYTHING = Patterns()

current_stage: contextvars.ContextVar[str | None] = contextvars.ContextVar("current_stage", default=None)
"""The pipeline stage on whose behalf the current request works: progress is told per stage."""


class Graph:
    """Evaluates nodes against one store. All of its methods may be called concurrently."""

    services: Services

    def __init__(self, store: Store, images: ImageSource, sandbox: Sandbox, secrets: Secrets, emit: Emit) -> None:
        self.store = store
        self.images = images
        self.sandbox = sandbox
        self.secrets = secrets
        self.emit = emit
        self.logins = Logins()
        self.flight = SingleFlight()
        # Digests of files by their place in the store, which never change.
        self._digests: dict[str, str] = {}

    async def tree(self, node: FsNode) -> Tree:
        """The layers that hold the node's file system, made now if need be."""
        return await self.flight.run(f"tree:{node.digest}", lambda: self._build(node))

    async def key(self, node: FsNode) -> str:
        """The node's key: equal keys mean equal results, in this session or an earlier one."""
        return await self.flight.run(f"key:{node.digest}", lambda: node.key(self))

    async def union(self, node: FsNode) -> Union:
        """A readable view of the node's file system."""
        return self.view(await self.tree(node))

    def view(self, tree: Tree) -> Union:
        """A readable view of a tree."""
        return self.store.layers.union(tree)

    async def manifest(self, node: FsNode, path: str = "/", patterns: Patterns = EVERYTHING) -> Manifest:
        """Everything below `path` that `patterns` select, by content."""
        if isinstance(node, Imported):
            return node.manifest.select(path).filter(patterns)
        view = await self.union(node)
        return await asyncio.to_thread(Manifest.of, view, path, self._digests, patterns)

    async def content(self, node: FsNode, path: str = "/", patterns: Patterns = EVERYTHING) -> str:
        """The digest of what is selected: what lies outside the selection never changes it."""
        if isinstance(node, Imported):
            return (await self.manifest(node, path, patterns)).digest

        async def look_up() -> str:
            tree = await self.tree(node)
            key = fingerprint("content", tree.layers, path, patterns)
            record = self.store.results.get(key)
            if record is None:
                record = {"digest": (await self.manifest(node, path, patterns)).digest}
                self.store.results.put(key, record, layers=tree.layers)
            return str(record["digest"])

        return await self.flight.run(fingerprint("content", node, path, patterns), look_up)

    async def patched(self, key: str, base: Tree, change: Callable[[LayerWriter], None]) -> Tree:
        """`base` with a layer on top that `change` writes, or the layer that an earlier run wrote for `key`."""
        record = self.store.results.get(key)
        if record is None:
            async with self.store.lock(key):
                record = self.store.results.get(key)
                if record is None:
                    layer = await asyncio.to_thread(self._write_layer, base, change)
                    record = {"layer": layer}
                    self.store.results.put(key, record, layers=[layer])
        return Tree((*base.layers, str(record["layer"])))

    async def _build(self, node: FsNode) -> Tree:
        tree = await node.build(self)
        return tree if len(tree.layers) <= LONGEST else await asyncio.to_thread(shortened, self.store, tree)

    def _write_layer(self, base: Tree, change: Callable[[LayerWriter], None]) -> str:
        view = self.view(base)
        with self.store.layers.stage(view) as staged:
            change(LayerWriter(view, staged))
            return staged.commit()
