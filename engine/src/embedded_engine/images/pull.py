"""Images from a registry: which one a reference means on this machine, and its layers into the store."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from embedded_engine.images.auth import Credentials, find_credentials
from embedded_engine.images.config import ImageConfig
from embedded_engine.images.errors import ImageError, NotFoundError, UnreachableError
from embedded_engine.images.platforms import described, fits, host_platform
from embedded_engine.images.reference import Reference
from embedded_engine.images.registry import Document, Registry
from embedded_engine.images.settings import Settings
from embedded_engine.store.files import remove_tree
from embedded_engine.store.tree import Tree

if TYPE_CHECKING:
    from embedded_engine.store.store import Store

_INDEX_TYPES = frozenset(
    {"application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"}
)
_CONFIG_TYPES = frozenset(
    {"application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"}
)
_DEEPEST_INDEX = 3
_DOWNLOADS = 3
_LAYER_ID_LENGTH = 24


@dataclass(frozen=True)
class Layer:
    """One layer of an image: its archive's digest and size in bytes, and the digest of what is in the archive."""

    digest: str
    size: int
    diff_id: str


@dataclass(frozen=True)
class RemoteImage:
    """What a registry says of an image: `digest` of what the reference names, and of the manifest for this machine."""

    digest: str
    manifest_digest: str
    layers: tuple[Layer, ...]
    config: ImageConfig


async def resolve(
    reference: Reference, settings: Settings, credentials: Credentials | None = None, platform: str = ""
) -> RemoteImage:
    """Ask the registry's mirrors and the registry itself, in this order; the first that has the image answers.

    Of an image for several platforms it is the one for `platform`, by default this machine's.
    """
    platform = platform or host_platform()
    errors: list[ImageError] = []
    async with _Endpoints(reference, settings, credentials) as endpoints:
        for address in endpoints.addresses:
            try:
                return await _resolve_at(await endpoints.open(address), reference, platform)
            except (UnreachableError, NotFoundError) as error:
                errors.append(error)
    # The registry comes last, and what it says weighs more than what a mirror lacks.
    raise errors[-1]


async def fetch(
    reference: Reference,
    layers: Sequence[Layer],
    store: Store,
    settings: Settings,
    credentials: Credentials | None = None,
) -> Tree:
    """Download and unpack the layers that the store does not have yet."""
    names = chain_names([layer.digest for layer in layers])
    present = 0
    while present < len(names) and store.layers.has(names[present]):
        present += 1
    if present == len(names):
        return Tree(tuple(names))
    folder = await asyncio.to_thread(store.scratch)
    downloads: dict[str, asyncio.Task[Path]] = {}
    async with _Endpoints(reference, settings, credentials) as endpoints:
        try:
            for layer in layers[present:]:
                if layer.digest not in downloads:
                    downloads[layer.digest] = asyncio.create_task(endpoints.download(layer, folder))
            for number in range(present, len(layers)):
                archive = await downloads[layers[number].digest]
                base = Tree(tuple(names[:number]))
                await asyncio.to_thread(add_layer, archive, layers[number].diff_id, base, names[number], store)
            return Tree(tuple(names))
        finally:
            for task in downloads.values():
                task.cancel()
            await asyncio.gather(*downloads.values(), return_exceptions=True)
            await asyncio.to_thread(remove_tree, folder)


def add_layer(archive: Path, diff_id: str, base: Tree, name: str, store: Store) -> None:
    """Unpack one archive over its base into a layer of the store. Blocks; several at once are safe."""
    from embedded_engine.images.unpack import unpack

    with store.lock_blocking(f"layer:{name}"):
        if store.layers.has(name):
            return
        below = store.layers.union(base)
        with store.layers.stage(below if base.layers else None) as staged:
            found = unpack(archive, staged, below)
            if found != diff_id:
                raise ImageError(f"a layer has the content {found}, but its image says {diff_id}")
            staged.commit(name)


def chain_names(digests: Sequence[str]) -> list[str]:
    """The store's layer ids for a stack of archives: how one unpacks depends on those below it."""
    names: list[str] = []
    chain = ""
    for digest in digests:
        chain = hashlib.sha256(f"{chain} {digest}".encode()).hexdigest()
        names.append(f"oci-{chain[:_LAYER_ID_LENGTH]}")
    return names


class _Endpoints:
    """The addresses that have a repository, each opened once, when it is first asked."""

    def __init__(self, reference: Reference, settings: Settings, credentials: Credentials | None) -> None:
        self.addresses = settings.endpoints(reference.registry)
        self._reference = reference
        self._settings = settings
        self._credentials = credentials
        self._stack = AsyncExitStack()
        self._registries: dict[str, Registry] = {}
        self._opening = asyncio.Lock()
        self._limit = asyncio.Semaphore(_DOWNLOADS)

    async def __aenter__(self) -> Self:
        if self._credentials is None:
            self._credentials = await asyncio.to_thread(find_credentials, self._reference.registry)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def open(self, address: str) -> Registry:
        """The repository at an address. The login is the registry's: no mirror gets it."""
        async with self._opening:
            if address not in self._registries:
                credentials = self._credentials if address == self.addresses[-1] else None
                registry = Registry(address, self._reference.repository, self._settings, credentials)
                self._registries[address] = await self._stack.enter_async_context(registry)
            return self._registries[address]

    async def download(self, layer: Layer, folder: Path) -> Path:
        """One archive from the first address that has it."""
        place = folder / layer.digest.replace(":", "-")
        errors: list[ImageError] = []
        async with self._limit:
            for address in self.addresses:
                try:
                    await (await self.open(address)).download(layer.digest, layer.size, place)
                    return place
                except ImageError as error:
                    errors.append(error)
        raise errors[-1]


async def _resolve_at(registry: Registry, reference: Reference, platform: str) -> RemoteImage:
    """Follow indexes to the manifest for a platform, and read the configuration."""
    found = top = await registry.manifest(reference.selector)
    for _ in range(_DEEPEST_INDEX):
        document = found.json()
        if _media_type(found, document) not in _INDEX_TYPES and "manifests" not in document:
            break
        found = await registry.manifest(_choose(document, platform, reference))
    manifest = found.json()
    config = manifest.get("config")
    if not isinstance(config, dict) or config.get("mediaType") not in _CONFIG_TYPES:
        raise ImageError(f"{reference.familiar} is not a container image")
    document = (await registry.document(str(config["digest"]), int(config["size"]))).json()
    return RemoteImage(top.digest, found.digest, read_layers(manifest, document), ImageConfig.from_oci(document))


def read_layers(manifest: Mapping[str, Any], config: Mapping[str, Any]) -> tuple[Layer, ...]:
    """The layers of a manifest with what its configuration says of them."""
    try:
        rows = manifest["layers"]
        diff_ids = config["rootfs"]["diff_ids"] if rows else []
        found = tuple(
            Layer(str(row["digest"]), int(row["size"]), str(diff)) for row, diff in zip(rows, diff_ids, strict=True)
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ImageError(f"the image's manifest and configuration do not fit together: {error}") from error
    for layer in found:
        if not layer.digest.startswith("sha256:") or not layer.diff_id.startswith("sha256:"):
            raise ImageError(f"the image uses a digest other than sha256: {layer.digest}")
    return found


def _media_type(document: Document, content: Mapping[str, Any]) -> str:
    """What a manifest says it is, else what the registry says."""
    return str(content.get("mediaType") or document.media_type)


def _choose(index: Mapping[str, Any], platform: str, reference: Reference) -> str:
    """The digest of the manifest for a platform. Attestations are for no platform."""
    offered: list[str] = []
    for row in index.get("manifests", []):
        made_for = row.get("platform") or {}
        if fits(made_for, platform):
            return str(row["digest"])
        if made_for.get("os") != "unknown":
            offered.append(described(made_for))
    raise ImageError(f"{reference.familiar} is not made for {platform}, only for {', '.join(offered) or 'nothing'}")
