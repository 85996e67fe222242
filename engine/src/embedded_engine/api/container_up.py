"""Container.up: the container as a service, served on this machine."""

from __future__ import annotations

from typing import Any

from embedded_engine.api.container_exec import as_service
from embedded_engine.api.service import up as serve
from embedded_engine.api.values import ContainerValue
from embedded_engine.binding import RequestContext, field


@field("Container", "up")
async def up(
    ctx: RequestContext,
    self: ContainerValue,
    *,
    random: bool = False,
    ports: tuple[dict[str, Any], ...] = (),
    **options: Any,
) -> None:
    """Serve until the request is given up."""
    await serve(ctx, as_service(ctx, self, **options), ports=ports, random=random)
