"""Nodes for images that come from files or from registries of the session, and the change that makes a tar of some."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from embedded_engine.errors import EngineError
from embedded_engine.graph.filesystem import Change
from embedded_engine.graph.identity import fingerprint
from embedded_engine.graph.node import FsNode
from embedded_engine.images.config import ImageConfig
from embedded_engine.store import LayerWriter, Tree

if TYPE_CHECKING:
    from embedded_engine.graph.graph import Graph
    from embedded_engine.graph.process import Service
    from embedded_engine.images.assemble import Assembled
    from embedded_engine.images.pull import RemoteImage
    from embedded_engine.images.reference import Reference

EPOCH_VARIABLE = "SOURCE_DATE_EPOCH"


class ImageExportError(EngineError):
    """Containers that cannot become an image."""


@dataclass(frozen=True, eq=False)
class LoadedImage(FsNode):
    """The layers of an image that was read from a file, by its digest."""

    image_digest: str
    tree: Tree = field(compare=False)

    async def key(self, graph: Graph) -> str:
        return f"image:{self.image_digest}"

    async def build(self, graph: Graph) -> Tree:
        return self.tree


@dataclass(frozen=True, eq=False)
class ServiceImage(FsNode):
    """The layers of an image of a registry that runs as a service of the session."""

    reference: Reference
    image: RemoteImage
    service: Service

    async def key(self, graph: Graph) -> str:
        return f"image:{self.image.manifest_digest}"

    async def build(self, graph: Graph) -> Tree:
        from embedded_engine.images.pull import fetch
        from embedded_engine.service_access import reached

        async with reached(graph, self.reference.registry, self.service) as address:
            settings = graph.images.settings.reaching(self.reference.registry, address)
            login = graph.logins.find(self.reference.registry)
            return await fetch(self.reference, self.image.layers, graph.store, settings, login)


@dataclass(frozen=True)
class ImagePlan:
    """Containers of one or several platforms as one image."""

    variants: tuple[tuple[FsNode, ImageConfig, tuple[tuple[str, str], ...]], ...]
    compression: str = "gzip"
    media_types: str = "oci"

    async def key(self, graph: Graph) -> str:
        """The key of the image: what is in it, how it is packed and the time that it bears."""
        parts = [(await graph.key(fs), config, notes) for fs, config, notes in self.variants]
        return fingerprint("image", parts, self.compression, self.media_types, source_date_epoch())

    async def assemble(self, graph: Graph) -> Assembled:
        """Make the image's documents and archives in the store. One variant is an image, several are an index."""
        from embedded_engine.images.assemble import MediaTypes, assemble, combine
        from embedded_engine.images.pack import Compression

        platforms = [config.platform for _, config, _ in self.variants]
        if twice := next((name for name in platforms if platforms.count(name) > 1), None):
            raise ImageExportError(f'duplicate platform "{twice}"')
        images = [
            await assemble(
                await graph.tree(fs),
                config,
                graph.store,
                annotations=notes,
                compression=Compression(self.compression),
                media_types=MediaTypes(self.media_types),
                epoch=source_date_epoch(),
            )
            for fs, config, notes in self.variants
        ]
        return images[0] if len(images) == 1 else combine(images, graph.store, MediaTypes(self.media_types))


@dataclass(frozen=True)
class ImageTarball(Change):
    """An image as one tar file at `path`."""

    plan: ImagePlan
    path: str

    async def inputs(self, graph: Graph) -> str:
        return fingerprint("image-tarball", await self.plan.key(graph), self.path)

    async def prepare(self, graph: Graph) -> Callable[[LayerWriter], None]:
        from embedded_engine.images.layout import write_tarball
        from embedded_engine.store.files import remove_tree

        assembled = await self.plan.assemble(graph)
        folder = await asyncio.to_thread(graph.store.scratch)

        def write(writer: LayerWriter) -> None:
            try:
                place = folder / "image.tar"
                write_tarball(assembled, place, graph.store)
                with place.open("rb") as content:
                    writer.write(self.path, content, mode=0o600)
            finally:
                remove_tree(folder)

        return write


def source_date_epoch() -> int | None:
    """The time, in seconds, that the environment wants images to bear; files in them are no newer."""
    text = os.environ.get(EPOCH_VARIABLE, "")
    if not text:
        return None
    if not text.isdecimal():
        raise ImageExportError(f"{EPOCH_VARIABLE} is {text!r}: it must be a number of seconds since 1970")
    return int(text)
