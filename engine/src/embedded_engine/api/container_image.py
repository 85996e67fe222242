"""Container: images it is made from, and its reference."""

from __future__ import annotations

from dataclasses import replace

from embedded_engine.api.values import ContainerValue, ServiceValue
from embedded_engine.binding import RequestContext, field
from embedded_engine.errors import EngineError, NotSupportedError
from embedded_engine.graph import Image
from embedded_engine.graph.process import Port
from embedded_engine.images.config import ImageConfig


class ImageRefError(EngineError):
    """An image reference was asked of a container that is no longer just an image."""


@field("Container", "from")
async def from_(
    ctx: RequestContext, self: ContainerValue, *, address: str, registry_service: ServiceValue | None = None
) -> ContainerValue:
    if registry_service is not None:
        raise NotSupportedError("Container.from(registryService:)")
    resolved = await ctx.engine.images.resolve(address)
    config = merged(self.config, resolved.config)
    ports = tuple(port(name) for name in config.exposed_ports)
    return replace(
        self,
        fs=Image(resolved.key, resolved),
        config=config,
        ports=ports,
        image_ref=resolved.reference_with_digest,
        execution=None,
    )


@field("Container", "imageRef")
def image_ref(ctx: RequestContext, self: ContainerValue) -> str:
    if not self.image_ref:
        raise ImageRefError("Image reference can only be retrieved immediately after the 'Container.From' call")
    return self.image_ref


def merged(before: ImageConfig, image: ImageConfig) -> ImageConfig:
    """The image's configuration, with what was set before it where the image sets nothing."""
    env = dict(before.env) | dict(image.env)
    labels = dict(before.labels) | dict(image.labels)
    ports = tuple(dict.fromkeys((*before.exposed_ports, *image.exposed_ports)))
    return replace(image, env=tuple(env.items()), labels=tuple(labels.items()), exposed_ports=ports)


def port(name: str) -> Port:
    number, _, protocol = name.partition("/")
    return Port(int(number), (protocol or "tcp").upper())
