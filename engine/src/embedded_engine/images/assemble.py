"""A tree and its configuration as an OCI image: layers, configuration, manifest, index. All blobs are in the store."""

from __future__ import annotations

import asyncio
import enum
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from embedded_engine.images.config import ImageConfig
from embedded_engine.images.pack import Compression, PackedLayer, pack
from embedded_engine.store.errors import storage_errors
from embedded_engine.store.files import remove_tree
from embedded_engine.store.tree import Tree

if TYPE_CHECKING:
    from embedded_engine.store.store import Store


class MediaTypes(enum.StrEnum):
    """Whose names the documents and layers bear."""

    OCI = "oci"
    DOCKER = "docker"


_NAMES = {
    MediaTypes.OCI: {
        "index": "application/vnd.oci.image.index.v1+json",
        "manifest": "application/vnd.oci.image.manifest.v1+json",
        "config": "application/vnd.oci.image.config.v1+json",
        Compression.GZIP: "application/vnd.oci.image.layer.v1.tar+gzip",
        Compression.ZSTD: "application/vnd.oci.image.layer.v1.tar+zstd",
        Compression.UNCOMPRESSED: "application/vnd.oci.image.layer.v1.tar",
    },
    MediaTypes.DOCKER: {
        "index": "application/vnd.docker.distribution.manifest.list.v2+json",
        "manifest": "application/vnd.docker.distribution.manifest.v2+json",
        "config": "application/vnd.docker.container.image.v1+json",
        Compression.GZIP: "application/vnd.docker.image.rootfs.diff.tar.gzip",
        Compression.ZSTD: "application/vnd.docker.image.rootfs.diff.tar.zstd",
        Compression.UNCOMPRESSED: "application/vnd.docker.image.rootfs.diff.tar",
    },
}


@dataclass(frozen=True)
class Descriptor:
    """A blob as other documents name it. Its content is in the store's blobs."""

    media_type: str
    digest: str
    size: int

    def to_oci(self) -> dict[str, Any]:
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size}


@dataclass(frozen=True)
class AssembledImage:
    """One image: its manifest, and every blob that the manifest names."""

    manifest: Descriptor
    config: Descriptor
    layers: tuple[Descriptor, ...]
    platform: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class AssembledIndex:
    """Images of several platforms under one name."""

    index: Descriptor
    images: tuple[AssembledImage, ...]


Assembled = AssembledImage | AssembledIndex


async def assemble(
    tree: Tree,
    config: ImageConfig,
    store: Store,
    *,
    annotations: Sequence[tuple[str, str]] = (),
    compression: Compression = Compression.GZIP,
    media_types: MediaTypes = MediaTypes.OCI,
    epoch: int | None = None,
) -> AssembledImage:
    """Make an image of a tree. A layer that is packed once is not packed again.

    The same tree, configuration and `epoch` (seconds; SOURCE_DATE_EPOCH) give the same digest.
    """
    names = _NAMES[media_types]
    limit = asyncio.Semaphore(os.cpu_count() or 1)

    async def pack_layer(layer: str) -> PackedLayer:
        async with limit:
            return await asyncio.to_thread(_pack, layer, store, compression, epoch)

    packed = await asyncio.gather(*map(pack_layer, tree.layers))
    layers = [layer for layer in packed if layer.entries]
    created = datetime.fromtimestamp(epoch or 0, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    document = config.to_oci() | {
        "created": created,
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
        "history": [{"created": created, "created_by": "embedded-engine"} for _ in layers],
    }
    described_config = _put(document, names["config"], store)
    described = tuple(Descriptor(names[compression], layer.digest, layer.size) for layer in layers)
    manifest: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": names["manifest"],
        "config": described_config.to_oci(),
        "layers": [layer.to_oci() for layer in described],
    }
    if annotations:
        manifest["annotations"] = dict(annotations)
    platform = {"architecture": config.architecture, "os": config.os, "variant": config.variant}
    return AssembledImage(
        _put(manifest, names["manifest"], store),
        described_config,
        described,
        tuple((name, value) for name, value in platform.items() if value),
    )


def combine(images: Sequence[AssembledImage], store: Store, media_types: MediaTypes = MediaTypes.OCI) -> AssembledIndex:
    """One index for images of several platforms."""
    rows = [image.manifest.to_oci() | {"platform": dict(image.platform)} for image in images]
    name = _NAMES[media_types]["index"]
    index = _put({"schemaVersion": 2, "mediaType": name, "manifests": rows}, name, store)
    return AssembledIndex(index, tuple(images))


def _pack(layer: str, store: Store, compression: Compression, epoch: int | None) -> PackedLayer:
    """A layer's archive in the store's blobs, made unless it is there. Blocks."""
    key = f"archive:{layer}:{compression}:{epoch}"
    with store.lock_blocking(key):
        record = store.results.get(key)
        if record is not None and store.blobs.has(record["digest"]):
            return PackedLayer(record["digest"], record["size"], record["diff_id"], record["entries"])
        folder = store.scratch()
        try:
            place = folder / "archive"
            with storage_errors("pack a layer"):
                packed = pack(store.layers.path(layer), place, compression, rootless=store.rootless, epoch=epoch)
            store.blobs.add(place)
        finally:
            remove_tree(folder)
        value = {"digest": packed.digest, "size": packed.size, "diff_id": packed.diff_id, "entries": packed.entries}
        store.results.put(key, value, (layer,))
        return packed


def _put(document: Mapping[str, Any], media_type: str, store: Store) -> Descriptor:
    """A document in the store's blobs, written the same way each time."""
    content = json.dumps(document, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()
    store.blobs.put(content)
    return Descriptor(media_type, f"sha256:{hashlib.sha256(content).hexdigest()}", len(content))
