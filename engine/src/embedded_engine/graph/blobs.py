"""The change that writes a blob of the store as a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from embedded_engine.graph.filesystem import Change
from embedded_engine.graph.identity import fingerprint
from embedded_engine.store import LayerWriter

if TYPE_CHECKING:
    from embedded_engine.graph.graph import Graph


@dataclass(frozen=True)
class BlobFile(Change):
    """A blob at `path`; `modified` is in seconds since 1970."""

    path: str
    blob: str
    permissions: int
    modified: int = 0

    async def inputs(self, graph: Graph) -> str:
        return fingerprint("blob", self.path, self.blob, self.permissions, self.modified)

    async def prepare(self, graph: Graph) -> Callable[[LayerWriter], None]:
        def write(writer: LayerWriter) -> None:
            with graph.store.blobs.open(self.blob) as content:
                writer.write(self.path, content, mode=self.permissions)
            writer.utime_all(self.modified * 1_000_000_000, self.path)

        return write
