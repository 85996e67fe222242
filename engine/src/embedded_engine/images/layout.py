"""OCI image layouts: an image as a directory or as one tar file, which `docker load` and `podman load` take too."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from embedded_engine.images.assemble import Assembled, AssembledImage, AssembledIndex, Descriptor
from embedded_engine.store.errors import storage_errors

if TYPE_CHECKING:
    from embedded_engine.store.store import Store

_NAME = "org.opencontainers.image.ref.name"
_CONTAINERD_NAME = "io.containerd.image.name"
_LAYOUT = {"imageLayoutVersion": "1.0.0"}


def write_tarball(assembled: Assembled, target: Path, store: Store, name: str | None = None) -> None:
    """Write the layout as one tar file, the same bytes for the same image; nothing is left of it on failure. Blocks."""
    beside = target.with_name(f".{target.name}.{os.getpid()}.new")
    with storage_errors("write an image"):
        try:
            with beside.open("wb") as file, tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
                for path, content in sorted(_documents(assembled, name).items()):
                    _add(archive, path, len(content), io.BytesIO(content))
                for blob in _blobs(assembled):
                    with store.blobs.open(blob.digest) as source:
                        _add(archive, _path(blob), blob.size, source)
            # As the real engine writes it: an image may hold what is for its owner only.
            beside.chmod(0o600)
            beside.rename(target)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise


def _documents(assembled: Assembled, name: str | None) -> dict[str, bytes]:
    """The small files of the layout by path. Docker's `manifest.json` knows one platform only."""
    top = assembled.index if isinstance(assembled, AssembledIndex) else assembled.manifest
    row: dict[str, Any] = top.to_oci()
    if isinstance(assembled, AssembledImage):
        row["platform"] = dict(assembled.platform)
    if name is not None:
        row["annotations"] = {_CONTAINERD_NAME: name, _NAME: name.rpartition(":")[2] if ":" in name else name}
    index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [row]}
    documents: dict[str, Any] = {"oci-layout": _LAYOUT, "index.json": index}
    if isinstance(assembled, AssembledImage):
        documents["manifest.json"] = [
            {
                "Config": _path(assembled.config),
                "RepoTags": [name] if name is not None else [],
                "Layers": [_path(layer) for layer in assembled.layers],
            }
        ]
    return {path: json.dumps(document, separators=(",", ":")).encode() for path, document in documents.items()}


def _blobs(assembled: Assembled) -> Iterator[Descriptor]:
    """Every blob once, in the order in which they need each other."""
    images = assembled.images if isinstance(assembled, AssembledIndex) else (assembled,)
    seen: dict[str, Descriptor] = {}
    for image in images:
        for blob in (*image.layers, image.config, image.manifest):
            seen.setdefault(blob.digest, blob)
    if isinstance(assembled, AssembledIndex):
        seen.setdefault(assembled.index.digest, assembled.index)
    yield from seen.values()


def _path(blob: Descriptor) -> str:
    """Where a layout keeps a blob."""
    return f"blobs/{blob.digest.replace(':', '/')}"


def _add(archive: tarfile.TarFile, path: str, size: int, content: BinaryIO) -> None:
    """One file, without an owner or a time."""
    info = tarfile.TarInfo(path)
    info.size = size
    info.mode = 0o644
    archive.addfile(info, content)
