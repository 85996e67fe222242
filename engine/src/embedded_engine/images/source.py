"""Where images come from: the registry, or where it cannot be reached a Debian recipe. Fetched once, then in the store."""

from __future__ import annotations

import enum
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from embedded_engine.events import Emit, Note, StepFinished, StepStarted
from embedded_engine.images.config import ImageConfig
from embedded_engine.images.errors import ImageError, SilentError, UnreachableError
from embedded_engine.images.platforms import foreign
from embedded_engine.images.recipes import LABEL, Recipe, RecipeTable
from embedded_engine.images.reference import Reference
from embedded_engine.images.settings import Settings
from embedded_engine.store.tree import Tree

if TYPE_CHECKING:
    from embedded_engine.images.auth import Credentials
    from embedded_engine.images.debian import DebianBuilder
    from embedded_engine.store.store import Store


class Origin(enum.StrEnum):
    """Who supplies an image."""

    REGISTRY = "registry"
    RECIPE = "recipe"


@dataclass(frozen=True)
class ResolvedImage:
    """An image that is known exactly, though none of its layers need be here yet.

    `key` names its file system: equal keys, equal trees. `source` says how to get it: for a registry the layers
    (digest, size, diff id) as JSON, for a recipe its name.
    """

    reference_with_digest: str
    key: str
    config: ImageConfig
    origin: Origin
    source: str


class ImageSource:
    """Images for one session. `emit` hears of builds and downloads, and of recipes that stand in."""

    def __init__(self, store: Store, emit: Emit, settings: Settings | None = None) -> None:
        self._store = store
        self._emit = emit
        self._given_settings = settings
        self._table: RecipeTable | None = None
        self._silent: dict[str, str] = {}
        self._builder: DebianBuilder | None = None
        self._resolved: dict[tuple[Reference, str], ResolvedImage] = {}

    @property
    def settings(self) -> Settings:
        """The machine's settings, read when they are first needed."""
        if self._given_settings is None:
            self._given_settings = Settings.load()
        return self._given_settings

    async def resolve(
        self, reference: str, credentials: Credentials | None = None, platform: str = ""
    ) -> ResolvedImage:
        """Find out which image a reference means. An answer of the last hour is taken from the store.

        Of several platforms' images it is that of `platform`, by default this machine's. Without `credentials` the logins of Docker's configuration file are used.

        Raises ImageError: not a reference, nobody has it, no login.
        """
        parsed = Reference.parse(reference)
        wanted = (parsed, foreign(platform))
        if wanted not in self._resolved:
            async with self._store.lock(_record(*wanted)):
                self._resolved[wanted] = await self._resolve(*wanted, credentials)
        return self._resolved[wanted]

    async def fetch(self, resolved: ResolvedImage, credentials: Credentials | None = None) -> Tree:
        """The image's file system, built or downloaded if the store does not have it."""
        if (tree := self._stored_tree(resolved)) is not None:
            return tree
        async with self._store.lock(f"image:{resolved.key}"):
            if (tree := self._stored_tree(resolved)) is not None:
                return tree
            async with self._step(f"image {Reference.parse(resolved.reference_with_digest).familiar.split('@')[0]}"):
                tree = await self._fetch(resolved, credentials)
            self._store.results.put(f"image:{resolved.key}", {"layers": list(tree.layers)}, tree.layers)
            return tree

    async def _resolve(self, reference: Reference, platform: str, credentials: Credentials | None) -> ResolvedImage:
        """The remembered answer while it is fresh, else the registry's, else the stale one, else a recipe's."""
        remembered = self._remembered(reference, platform)
        if remembered is not None and remembered[1]:
            return remembered[0]
        try:
            resolved = await self._ask_registry(reference, platform, credentials)
        except UnreachableError as error:
            if remembered is not None and remembered[0].origin is Origin.REGISTRY:
                self._emit(Note(f"{reference.familiar}: {error}; the image of an earlier run is used"))
                return remembered[0]
            if platform:
                raise ImageError(f"cannot get {reference.familiar} for {platform}: {error}") from None
            resolved = self._stand_in(reference, error)
        self._remember(reference, platform, resolved)
        return resolved

    async def _ask_registry(
        self, reference: Reference, platform: str, credentials: Credentials | None
    ) -> ResolvedImage:
        """The registry's answer."""
        if self.settings.offline:
            raise UnreachableError("no registry is asked (offline)")
        if reference.registry in self._silent:
            raise SilentError(self._silent[reference.registry])
        from embedded_engine.images.pull import resolve

        try:
            remote = await resolve(reference, self.settings, credentials, platform)
        except SilentError as error:
            # One wait per session is enough.
            self._silent[reference.registry] = str(error)
            raise
        return ResolvedImage(
            reference_with_digest=str(reference.with_digest(remote.digest)),
            key=remote.manifest_digest,
            config=remote.config,
            origin=Origin.REGISTRY,
            source=json.dumps([[layer.digest, layer.size, layer.diff_id] for layer in remote.layers]),
        )

    def _stand_in(self, reference: Reference, reason: UnreachableError) -> ResolvedImage:
        """The recipe's image, said aloud; `reason` is why the registry's cannot be had."""
        recipe = self._recipes().find(reference)
        if recipe is None:
            remedy = (
                "write one and name its file in CI_ENGINE_RECIPES" if reference.digest is None else "a digest has none"
            )
            raise ImageError(f"cannot get {reference.familiar}: {reason}, and no Debian recipe stands in: {remedy}")
        self._emit(Note(f"{reference.familiar}: {reason}; a Debian {recipe.suite} recipe stands in for the image"))
        return _by_recipe(reference, recipe)

    def _recipes(self) -> RecipeTable:
        """The table, read when it is first needed."""
        if self._table is None:
            self._table = RecipeTable.load(self.settings.recipes)
        return self._table

    async def _fetch(self, resolved: ResolvedImage, credentials: Credentials | None) -> Tree:
        """Build or download it."""
        if resolved.origin is Origin.RECIPE:
            recipe = next((row for row in self._recipes().recipes if f"recipe-{row.key}" == resolved.key), None)
            if recipe is None:
                raise ImageError(f"the recipe {resolved.source!r} changed during the run: run again")
            if self._builder is None:
                from embedded_engine.images.debian import DebianBuilder

                self._builder = DebianBuilder(self._store, self.settings.debian_mirror)
            return await self._builder.build(recipe)
        from embedded_engine.images.pull import Layer, fetch

        reference = Reference.parse(resolved.reference_with_digest)
        layers = [Layer(*row) for row in json.loads(resolved.source)]
        return await fetch(reference, layers, self._store, self.settings, credentials)

    def _stored_tree(self, resolved: ResolvedImage) -> Tree | None:
        """The tree of an earlier fetch, if all its layers are still here."""
        record = self._store.results.get(f"image:{resolved.key}")
        return Tree(tuple(record["layers"])) if record is not None else None

    def _remembered(self, reference: Reference, platform: str) -> tuple[ResolvedImage, bool] | None:
        """An earlier answer and whether it is fresh; a digest never means another image. None when there is none."""
        record = self._store.results.get(_record(reference, platform))
        if record is None:
            return None
        fresh = 0 <= time.time() - record["time"] < self.settings.lifetime
        if Origin(record["origin"]) is Origin.RECIPE:
            # Only that it was a recipe is remembered: the table may have changed since.
            recipe = self._recipes().find(reference)
            return (_by_recipe(reference, recipe), fresh) if recipe is not None else None
        resolved = ResolvedImage(
            reference_with_digest=record["reference"],
            key=record["key"],
            config=ImageConfig.from_oci(record["config"]),
            origin=Origin.REGISTRY,
            source=record["source"],
        )
        return resolved, fresh or reference.digest is not None

    def _remember(self, reference: Reference, platform: str, resolved: ResolvedImage) -> None:
        """Keep the answer for the next runs."""
        record: dict[str, Any] = {
            "reference": resolved.reference_with_digest,
            "key": resolved.key,
            "config": resolved.config.to_oci(),
            "origin": resolved.origin.value,
            "source": resolved.source,
            "time": time.time(),
        }
        self._store.results.put(_record(reference, platform), record, ())

    @asynccontextmanager
    async def _step(self, label: str) -> AsyncIterator[None]:
        """Say that work starts and how it ended."""
        step, start = f"{label} {time.monotonic_ns()}", time.monotonic()
        self._emit(StepStarted(step, label))
        try:
            yield
        except BaseException as error:
            text = str(error) or type(error).__name__
            self._emit(StepFinished(step, label, time.monotonic() - start, error=text))
            raise
        self._emit(StepFinished(step, label, time.monotonic() - start))


def _record(reference: Reference, platform: str) -> str:
    """Under which name the answer for a reference is kept; without a platform that for this machine."""
    return f"reference:{reference} {platform}".rstrip()


def _by_recipe(reference: Reference, recipe: Recipe) -> ResolvedImage:
    """What a recipe makes of a reference. Labels record that it is no official image."""
    return ResolvedImage(
        reference_with_digest=str(reference.with_digest(f"sha256:{recipe.key}")),
        key=f"recipe-{recipe.key}",
        config=recipe.config.with_label(LABEL, recipe.name).with_label(f"{LABEL}.suite", recipe.suite),
        origin=Origin.RECIPE,
        source=recipe.name,
    )
