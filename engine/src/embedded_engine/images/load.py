"""Images from files: an OCI layout (directory or tar) or what `docker save` writes, into the store."""

from __future__ import annotations

import asyncio
import hashlib
import json
import tarfile
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from embedded_engine.images.config import ImageConfig
from embedded_engine.images.errors import ImageError
from embedded_engine.images.platforms import fits, host_platform
from embedded_engine.images.pull import Layer, add_layer, chain_names, read_layers
from embedded_engine.store.errors import storage_errors
from embedded_engine.store.files import remove_tree
from embedded_engine.store.tree import Tree

if TYPE_CHECKING:
    from embedded_engine.store.store import Store

_LARGEST_DOCUMENT = 8 << 20
_BLOCK = 1 << 20
_DEEPEST_INDEX = 3
_NAMES = ("io.containerd.image.name", "org.opencontainers.image.ref.name")


@dataclass(frozen=True)
class LoadedImage:
    """An image that is in the store now."""

    digest: str
    config: ImageConfig
    tree: Tree


async def load(source: Path, store: Store, tag: str | None = None, platform: str = "") -> LoadedImage:
    """Read an image from a layout's directory or from a tar file.

    `tag` chooses one where the file has several, and of one for several platforms it is that for `platform`, by default
    this machine's. Raises ImageError for what is no image, or damaged.
    """
    return await asyncio.to_thread(_load, source, store, tag, platform or host_platform())


def _load(source: Path, store: Store, tag: str | None, platform: str) -> LoadedImage:
    with ExitStack() as stack, storage_errors("read an image"):
        files = stack.enter_context(_Files(source))
        if files.has("index.json"):
            digest, manifest, config = _read_oci(files, tag, platform)
            rows = read_layers(manifest, config)
            paths = [_path(layer.digest) for layer in rows]
        elif files.has("manifest.json"):
            digest, config, paths = _read_docker(files, tag)
            rows = ()
        else:
            raise ImageError(f"{source.name} is not an image: it has neither index.json nor manifest.json")
        folder = store.scratch()
        stack.callback(remove_tree, folder)
        archives = [folder / str(number) for number in range(len(paths))]
        digests = [_copy(files, path, archive) for path, archive in zip(paths, archives, strict=True)]
        if not rows:
            rows = _describe(archives, digests, config)
        _check(digests, rows)
        names = chain_names([layer.digest for layer in rows])
        for number, layer in enumerate(rows):
            add_layer(archives[number], layer.diff_id, Tree(tuple(names[:number])), names[number], store)
        return LoadedImage(digest, ImageConfig.from_oci(config), Tree(tuple(names)))


class _Files(AbstractContextManager["_Files"]):
    """The files of a layout, in a directory or in a tar, which may be compressed."""

    def __init__(self, source: Path) -> None:
        self._source = source
        self._stack = ExitStack()
        self._archive: tarfile.TarFile | None = None

    def __enter__(self) -> _Files:
        if not self._source.is_dir():
            try:
                self._archive = self._stack.enter_context(tarfile.open(self._source))
            except (tarfile.TarError, EOFError) as error:
                raise ImageError(f"{self._source.name} is not a tar file of an image") from error
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def has(self, path: str) -> bool:
        try:
            self.open(path).close()
        except ImageError:
            return False
        return True

    def open(self, path: str) -> IO[bytes]:
        """A file by its path in the layout; never one outside it."""
        if path.startswith("/") or ".." in path.split("/"):
            raise ImageError(f"the image names a file outside itself: {path!r}")
        try:
            if self._archive is None:
                place = self._source / path
                if not place.resolve().is_relative_to(self._source.resolve()):
                    raise ImageError(f"the image names a file outside itself: {path!r}")
                return place.open("rb")
            # A link inside the archive leads to another of its entries, as docker writes repeated layers.
            file = self._archive.extractfile(path)
        except (KeyError, FileNotFoundError, IsADirectoryError, tarfile.TarError) as error:
            raise ImageError(f"the image lacks its file {path}") from error
        if file is None:
            raise ImageError(f"the image lacks its file {path}")
        return file

    def document(self, path: str) -> Any:
        """A JSON file."""
        with self.open(path) as file:
            content = file.read(_LARGEST_DOCUMENT + 1)
        if len(content) > _LARGEST_DOCUMENT:
            raise ImageError(f"the image's {path} is too large for a document")
        _check_digest(path, hashlib.sha256(content).hexdigest())
        try:
            return json.loads(content)
        except ValueError as error:
            raise ImageError(f"the image's {path} is not JSON") from error


def _read_oci(files: _Files, tag: str | None, platform: str) -> tuple[str, Mapping[str, Any], Mapping[str, Any]]:
    """Digest, manifest and configuration of the image for a platform in an OCI layout."""
    document = files.document("index.json")
    digest = ""
    for _ in range(_DEEPEST_INDEX):
        if "manifests" not in document:
            break
        digest = _choose(document["manifests"], tag, platform)
        document = files.document(_path(digest))
        tag = None
    if "layers" not in document:
        raise ImageError("the file has no container image")
    return digest, document, files.document(_path(str(document["config"]["digest"])))


def _read_docker(files: _Files, tag: str | None) -> tuple[str, Mapping[str, Any], list[str]]:
    """Digest, configuration and the layers' paths of an image that `docker save` wrote."""
    rows = files.document("manifest.json")
    found = [row for row in rows if tag is None or any(_matches(name, tag) for name in row.get("RepoTags") or ())]
    if len(found) != 1:
        names = ", ".join(name for row in rows for name in row.get("RepoTags") or ("without a tag",))
        raise ImageError(f"the file has {'no' if not found else 'more than one'} image of that name: it has {names}")
    config = files.document(found[0]["Config"])
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()
    return f"sha256:{digest}", config, list(found[0]["Layers"])


def _choose(rows: list[dict[str, Any]], tag: str | None, platform: str) -> str:
    """The digest of the one image that has the tag and is for the platform."""
    named = [row for row in rows if tag is None or any(_matches(name, tag) for name in _names(row))]
    if tag is not None and not named and len(rows) == 1 and not list(_names(rows[0])):
        named = rows
    here = [row for row in named if fits(row.get("platform") or {}, platform)]
    if not here:
        names = ", ".join(name for row in rows for name in _names(row))
        raise ImageError(f"the file has no image {tag or ''} for {platform}{f': it has {names}' if names else ''}")
    if len(here) > 1 and tag is None and len({row["digest"] for row in here}) > 1:
        raise ImageError(
            f"the file has several images: choose one of {', '.join(n for row in here for n in _names(row))}"
        )
    return str(here[0]["digest"])


def _names(row: Mapping[str, Any]) -> list[str]:
    annotations = row.get("annotations") or {}
    return [annotations[name] for name in _NAMES if name in annotations]


def _matches(name: str, tag: str) -> bool:
    """Whether a tag is the name, its short form, or the part after the colon."""
    return tag in (name, name.removeprefix("docker.io/").removeprefix("library/"), name.rpartition(":")[2])


def _path(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _copy(files: _Files, path: str, place: Path) -> str:
    """A layer's archive on the store's own disk, and its digest."""
    hasher = hashlib.sha256()
    with files.open(path) as source, place.open("wb") as target:
        while block := source.read(_BLOCK):
            hasher.update(block)
            target.write(block)
    return f"sha256:{hasher.hexdigest()}"


def _describe(archives: list[Path], digests: list[str], config: Mapping[str, Any]) -> tuple[Layer, ...]:
    """Layers of `docker save`, which names their content but not their archives."""
    diff_ids = (config.get("rootfs") or {}).get("diff_ids") or []
    if len(diff_ids) != len(archives):
        raise ImageError("the image's configuration does not fit its layers")
    return tuple(
        Layer(digest, archive.stat().st_size, diff_id)
        for archive, digest, diff_id in zip(archives, digests, diff_ids, strict=True)
    )


def _check(digests: list[str], layers: tuple[Layer, ...]) -> None:
    """Every archive is what the manifest says."""
    for found, layer in zip(digests, layers, strict=True):
        if found != layer.digest:
            raise ImageError(f"the image is damaged: a layer has the digest {found} instead of {layer.digest}")


def _check_digest(path: str, found: str) -> None:
    """A blob's name is its digest."""
    if path.startswith("blobs/sha256/") and path.removeprefix("blobs/sha256/") != found:
        raise ImageError(f"the image is damaged: {path} has the digest sha256:{found}")
