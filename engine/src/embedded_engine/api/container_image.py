"""Container: images it is made from, and its reference."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from embedded_engine.api.values import ContainerValue, ServiceValue
from embedded_engine.binding import RequestContext, field
from embedded_engine.errors import EngineError
from embedded_engine.graph import FsNode, Image
from embedded_engine.graph.images import ServiceImage
from embedded_engine.graph.process import Port, Service
from embedded_engine.images.config import ImageConfig
from embedded_engine.images.reference import Reference
from embedded_engine.images.source import ResolvedImage
from embedded_engine.service_access import reached


class ImageRefError(EngineError):
    """An image reference was asked of a container that is no longer just an image."""


@field("Container", "from")
async def from_(
    ctx: RequestContext, self: ContainerValue, *, address: str, registry_service: ServiceValue | None = None
) -> ContainerValue:
    if registry_service is not None:
        return await _from_service(ctx, self, Reference.parse(address), registry_service.contained)
    resolved = await resolve(ctx.engine, address, self.config.platform)
    return _made_from(self, Image(resolved.key, resolved), resolved.config, resolved.reference_with_digest)


@field("Container", "imageRef")
def image_ref(ctx: RequestContext, self: ContainerValue) -> str:
    if not self.image_ref:
        raise ImageRefError(
            "Image reference can only be retrieved immediately after the 'Container.From' call. "
            "Error in fetching imageRef as the container image is changed"
        )
    return self.image_ref


async def resolve(engine: Any, address: str, platform: str = "") -> ResolvedImage:
    """Which image a reference means on a platform, asked with the session's login if there is one."""
    login = engine.graph.logins.find(Reference.parse(address).registry)
    resolved: ResolvedImage = await engine.images.resolve(address, login, platform)
    return resolved


async def _from_service(
    ctx: RequestContext, container: ContainerValue, reference: Reference, service: Service
) -> ContainerValue:
    """The image of a registry that runs as a service; nothing of the answer is remembered."""
    from embedded_engine.images.pull import resolve as resolve_at

    graph = ctx.engine.graph
    async with reached(graph, reference.registry, service) as address:
        settings = graph.images.settings.reaching(reference.registry, address)
        login = graph.logins.find(reference.registry)
        image = await resolve_at(reference, settings, login, container.config.platform)
    node = ServiceImage(reference.with_digest(image.digest), image, service)
    return _made_from(container, node, image.config, str(reference.with_digest(image.digest)))


def _made_from(container: ContainerValue, fs: FsNode, image: ImageConfig, reference: str) -> ContainerValue:
    config = merged(container.config, image)
    ports = tuple(port(name) for name in config.exposed_ports)
    return replace(container, fs=fs, config=config, ports=ports, image_ref=reference)


def merged(before: ImageConfig, image: ImageConfig) -> ImageConfig:
    """The image's configuration, with what was set before it where the image sets nothing.

    The platform stays the one that was asked for, whatever an image for one platform only says of itself.
    """
    env = dict(before.env) | dict(image.env)
    labels = dict(before.labels) | dict(image.labels)
    ports = tuple(dict.fromkeys((*before.exposed_ports, *image.exposed_ports)))
    return replace(
        image,
        env=tuple(env.items()),
        labels=tuple(labels.items()),
        exposed_ports=ports,
        os=before.os,
        architecture=before.architecture,
        variant=before.variant,
    )


def port(name: str) -> Port:
    number, _, protocol = name.partition("/")
    return Port(int(number), (protocol or "tcp").upper())
