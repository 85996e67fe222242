"""Container: images to registries and files, images from files, and logins to registries."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from embedded_engine.api.container_image import port
from embedded_engine.api.paths import expand as _expanded
from embedded_engine.api.values import SCRATCH, ContainerValue, FileValue, SecretValue, ServiceValue
from embedded_engine.binding import RequestContext, field
from embedded_engine.errors import EngineError, NotSupportedError
from embedded_engine.graph import Patch, Scratch
from embedded_engine.graph.images import ImagePlan, ImageTarball, LoadedImage
from embedded_engine.images.reference import Reference
from embedded_engine.service_access import reached

TARBALL = "/container.tar"


@field("Container", "withRegistryAuth")
async def with_registry_auth(
    ctx: RequestContext, self: ContainerValue, *, address: str, username: str, secret: SecretValue
) -> ContainerValue:
    """Log in: for the whole session from now on, as on Dagger."""
    password: bytes = await ctx.engine.secrets.value(secret.secret)
    ctx.engine.graph.logins.add(address, username, password.decode("utf-8", "surrogateescape"))
    return self


@field("Container", "withoutRegistryAuth")
def without_registry_auth(ctx: RequestContext, self: ContainerValue, *, address: str) -> ContainerValue:
    ctx.engine.graph.logins.remove(address)
    return self


@field("Container", "publish")
async def publish(
    ctx: RequestContext,
    self: ContainerValue,
    *,
    address: str,
    platform_variants: tuple[ContainerValue, ...] = (),
    forced_compression: str = "",
    media_types: str = "OCI",
    registry_service: ServiceValue | None = None,
) -> str:
    from embedded_engine.images.push import push

    reference = Reference.parse(address)
    graph = ctx.engine.graph
    plan = _plan("Container.publish", (self, *platform_variants), forced_compression, media_types)
    assembled = await plan.assemble(graph)
    settings = graph.images.settings
    async with AsyncExitStack() as stack:
        if registry_service is not None:
            tunnel = reached(graph, reference.registry, registry_service.contained)
            settings = settings.reaching(reference.registry, await stack.enter_async_context(tunnel))
        return await push(assembled, reference, graph.store, settings, graph.logins.find(reference.registry))


@field("Container", "asTarball")
def as_tarball(
    ctx: RequestContext,
    self: ContainerValue,
    *,
    platform_variants: tuple[ContainerValue, ...] = (),
    forced_compression: str = "",
    media_types: str = "OCI",
) -> FileValue:
    plan = _plan("Container.asTarball", (self, *platform_variants), forced_compression, media_types)
    return FileValue(Patch(Scratch(), ImageTarball(plan, TARBALL)), TARBALL)


@field("Container", "export")
async def export(
    ctx: RequestContext,
    self: ContainerValue,
    *,
    path: str,
    platform_variants: tuple[ContainerValue, ...] = (),
    forced_compression: str = "",
    media_types: str = "OCI",
    expand: bool = False,
) -> str:
    from embedded_engine.images.layout import write_tarball

    target = Path(ctx.engine.workdir, _expanded(self, path, expand))
    if await asyncio.to_thread(target.is_dir):
        raise EngineError(f"cannot export to {target}: it is a directory; name the file")
    plan = _plan("Container.export", (self, *platform_variants), forced_compression, media_types)
    assembled = await plan.assemble(ctx.engine.graph)
    await asyncio.to_thread(target.parent.mkdir, parents=True, exist_ok=True)
    await asyncio.to_thread(write_tarball, assembled, target, ctx.engine.store)
    return str(target)


@field("Container", "import")
async def import_(ctx: RequestContext, self: ContainerValue, *, source: FileValue, tag: str = "") -> ContainerValue:
    """Read the image now: its configuration is that of the container from here on."""
    from embedded_engine.images.load import load

    union = await ctx.engine.graph.union(source.fs)
    loaded = await load(union.stat(source.path).real, ctx.engine.store, tag or None, self.config.platform)
    return replace(
        self,
        fs=LoadedImage(loaded.digest, loaded.tree),
        config=loaded.config,
        ports=tuple(port(name) for name in loaded.config.exposed_ports),
        image_ref="",
        execution=None,
    )


def _plan(place: str, variants: tuple[ContainerValue, ...], compression: str, media_types: str) -> ImagePlan:
    """The image of containers; mounts, secrets and services of a container are no part of it."""
    chosen = compression.lower() or "gzip"
    if chosen not in ("gzip", "zstd", "uncompressed"):
        raise NotSupportedError(f"{place}(forcedCompression: {compression})")
    # A container that nothing was ever put in is no variant of an image.
    parts = tuple((each.fs, each.config, each.annotations) for each in variants if each.fs is not SCRATCH)
    if not parts:
        raise EngineError("no containers to export")
    return ImagePlan(parts, chosen, "docker" if "docker" in media_types.lower() else "oci")
