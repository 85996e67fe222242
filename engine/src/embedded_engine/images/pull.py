"""Images from a registry: which one a reference means here, and its layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from embedded_engine.images.config import ImageConfig
from embedded_engine.images.errors import UnreachableError
from embedded_engine.images.reference import Reference
from embedded_engine.images.settings import Settings
from embedded_engine.store.tree import Tree

if TYPE_CHECKING:
    from embedded_engine.store.store import Store


@dataclass(frozen=True)
class RemoteImage:
    """What a registry says of an image: `digest` of what the reference names, and of the manifest for this machine."""

    digest: str
    manifest_digest: str
    manifest: Mapping[str, Any]
    config: ImageConfig


async def resolve(reference: Reference, settings: Settings) -> RemoteImage:
    """Ask the registry."""
    raise UnreachableError(f"the registry {reference.registry} cannot be reached")


async def fetch(reference: Reference, manifest: Mapping[str, Any], store: Store, settings: Settings) -> Tree:
    """Download and unpack."""
    raise UnreachableError(f"the registry {reference.registry} cannot be reached")
