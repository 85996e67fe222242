"""Query: where every chain begins."""

from __future__ import annotations

from dataclasses import replace

from embedded_engine.api.values import ContainerValue
from embedded_engine.binding import RequestContext, field
from embedded_engine.images.config import ImageConfig
from embedded_engine.images.platforms import config_for


@field("Query", "container")
def container(ctx: RequestContext, self: object, *, platform: str | None = None) -> ContainerValue:
    return replace(ContainerValue(), config=config_for(platform) if platform else ImageConfig())


@field("Query", "defaultPlatform")
def default_platform(ctx: RequestContext, self: object) -> str:
    return ImageConfig().platform


@field("Query", "version")
def version(ctx: RequestContext, self: object) -> str:
    from importlib.metadata import version as installed

    return f"v{installed('dagger-io')}"
