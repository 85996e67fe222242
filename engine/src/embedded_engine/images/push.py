"""Images to a registry: blobs first, then manifests, the tag last, so that nobody sees half an image."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from embedded_engine.errors import EngineError
from embedded_engine.images.assemble import Assembled, AssembledIndex, Descriptor
from embedded_engine.images.auth import Credentials, find_credentials
from embedded_engine.images.reference import Reference
from embedded_engine.images.registry import Registry
from embedded_engine.images.settings import Settings

if TYPE_CHECKING:
    from embedded_engine.store.store import Store

_UPLOADS = 3


async def push(
    assembled: Assembled,
    reference: Reference,
    store: Store,
    settings: Settings,
    credentials: Credentials | None = None,
) -> str:
    """Push an image or an index, and return its reference with digest. What the registry has is not sent again.

    Without `credentials` the logins of Docker's configuration file are used. Mirrors are for reading only.
    """
    if credentials is None:
        credentials = await asyncio.to_thread(find_credentials, reference.registry)
    address = settings.endpoints(reference.registry)[-1]
    images = assembled.images if isinstance(assembled, AssembledIndex) else (assembled,)
    top = assembled.index if isinstance(assembled, AssembledIndex) else assembled.manifest
    async with Registry(address, reference.repository, settings, credentials) as registry:
        limit = asyncio.Semaphore(_UPLOADS)

        async def upload(blob: Descriptor) -> None:
            async with limit:
                await registry.upload(blob.digest, blob.size, store.blobs.path(blob.digest))

        blobs = {blob.digest: blob for image in images for blob in (*image.layers, image.config)}
        try:
            async with asyncio.TaskGroup() as group:
                for blob in blobs.values():
                    group.create_task(upload(blob))
        except ExceptionGroup as failures:
            # The first failure cancels the other uploads: it is the one to show. (What is raised inside `except*` comes
            # wrapped in a group on some releases of Python and bare on others.)
            ours = failures.subgroup(EngineError)
            if ours is None:
                raise
            raise ours.exceptions[0] from None
        if isinstance(assembled, AssembledIndex):
            for image in images:
                await _put(registry, image.manifest.digest, image.manifest, store)
        await _put(registry, reference.tag or top.digest, top, store)
    return str(reference.with_digest(top.digest))


async def _put(registry: Registry, selector: str, document: Descriptor, store: Store) -> None:
    """Send one manifest under a tag or its digest."""
    await registry.put_manifest(selector, store.blobs.read(document.digest), document.media_type)
