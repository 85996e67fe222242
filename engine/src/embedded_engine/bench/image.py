"""An image for a store that a case begins with: taken from the user's store, so that it is built or pulled once."""

from __future__ import annotations

from pathlib import Path

from embedded_engine.events import Event
from embedded_engine.images.reference import Reference
from embedded_engine.images.source import ImageSource
from embedded_engine.store import Store
from embedded_engine.store.nodes import clone_layer
from embedded_engine.user_namespace import is_rootless

IMAGE = "python:3.13-slim"


async def seed(root: Path) -> None:
    """Have a store share the image's layers with the user's own."""
    rootless = is_rootless()
    with Store.open(rootless=rootless) as own, Store.open(root, rootless=rootless) as fresh:
        source = ImageSource(own, ignore)
        resolved = await source.resolve(IMAGE)
        tree = await source.fetch(resolved)
        for layer in tree.layers:
            with fresh.layers.stage() as staged:
                clone_layer(str(own.layers.path(layer)), str(staged.fs))
                staged.commit(layer)
        for key, layers in ((f"image:{resolved.key}", tree.layers), (f"reference:{Reference.parse(IMAGE)}", ())):
            record = own.results.get(key)
            if record is not None:
                fresh.results.put(key, record, layers)


def ignore(_event: Event) -> None:
    """Nobody watches a benchmark's steps."""
