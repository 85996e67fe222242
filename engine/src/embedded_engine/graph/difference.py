"""The change that brings the difference between two trees to a third one: `diff`, and changesets applied."""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from embedded_engine.graph.comparison import Differences, changed_entries, compare
from embedded_engine.graph.filesystem import Change
from embedded_engine.graph.identity import fingerprint
from embedded_engine.graph.node import FsNode
from embedded_engine.store import LayerWriter, Manifest, Union

if TYPE_CHECKING:
    from embedded_engine.graph.graph import Graph


@dataclass(frozen=True)
class Place:
    """A directory of a file system."""

    fs: FsNode
    path: str = "/"

    async def manifest(self, graph: Graph) -> Manifest:
        """What is in it."""
        return await graph.manifest(self.fs, self.path)

    async def content(self, graph: Graph) -> str:
        """The digest of what is in it."""
        return await graph.content(self.fs, self.path)


async def differences(graph: Graph, before: Place, after: Place) -> Differences:
    """What differs between two directories."""
    first, second = await asyncio.gather(before.manifest(graph), after.manifest(graph))
    return await asyncio.to_thread(compare, first, second)


@dataclass(frozen=True)
class ApplyDifference(Change):
    """What `after` has new or other than `before`, written to `path`; with `remove`, what it lacks is taken away."""

    before: Place
    after: Place
    path: str = "/"
    remove: bool = False

    async def inputs(self, graph: Graph) -> str:
        contents = (await self.before.content(graph), await self.after.content(graph))
        return fingerprint("difference", contents, self.path, self.remove)

    async def prepare(self, graph: Graph) -> Callable[[LayerWriter], None]:
        before, after = await asyncio.gather(self.before.manifest(graph), self.after.manifest(graph))
        source = await graph.union(self.after.fs)

        def write(writer: LayerWriter) -> None:
            removed = compare(before, after).removed if self.remove else ()
            for path in removed:
                writer.remove(posixpath.join(self.path, path.rstrip("/")))
            _copy(writer, source, self.after.path, changed_entries(before, after), self.path)

        return write


def _copy(writer: LayerWriter, source: Union, source_path: str, paths: list[str], target: str) -> None:
    """Bring entries over one by one, directories before what is in them; those that are there already stay."""
    top = source.resolve(source_path).rstrip("/")
    for path in paths:
        node = source.stat(f"{top}/{path}", follow=False)
        place = posixpath.join(target, path)
        if not node.is_dir:
            writer.put(place, node)
            continue
        if writer.view.exists(place, follow=False) and not writer.view.stat(place, follow=False).is_dir:
            writer.remove(place)
        writer.mkdir(place, mode=node.mode, owner=(node.uid, node.gid))
