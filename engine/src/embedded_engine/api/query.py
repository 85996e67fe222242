"""Query: where every chain begins."""

from __future__ import annotations

from dataclasses import replace

from embedded_engine.api.values import ContainerValue
from embedded_engine.binding import RequestContext, field
from embedded_engine.errors import EngineError
from embedded_engine.images.config import ImageConfig


class PlatformError(EngineError):
    """A platform that this machine does not run."""


@field("Query", "container")
def container(ctx: RequestContext, self: object, *, platform: str | None = None) -> ContainerValue:
    config = ImageConfig()
    if platform and platform != config.platform:
        raise PlatformError(f"platform {platform} does not run here: the embedded engine runs {config.platform} only")
    return replace(ContainerValue(), config=config)


@field("Query", "defaultPlatform")
def default_platform(ctx: RequestContext, self: object) -> str:
    return ImageConfig().platform


@field("Query", "version")
def version(ctx: RequestContext, self: object) -> str:
    from importlib.metadata import version as installed

    return f"v{installed('dagger-io')}"
