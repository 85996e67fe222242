"""Services of the session that the engine itself talks to: through a tunnel, for as long as something is carried."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from embedded_engine.tunnels import LOOPBACK, Forward, Tunnel, Tunnels

if TYPE_CHECKING:
    from embedded_engine.graph.graph import Graph
    from embedded_engine.graph.process import Service

HTTPS_PORT = 443


@asynccontextmanager
async def reached(graph: Graph, registry: str, service: Service) -> AsyncIterator[str]:
    """Start the service and give the address (`scheme://host:port`) at which the registry answers.

    The registry's port is that of its name (`registry:5000`), else the first one that the service exposes. It speaks
    plain HTTP, unless the port is 443: the session's network is nobody else's.
    """
    name, _, number = registry.rpartition(":")
    exposed = next((each.port for each in service.ports), HTTPS_PORT)
    port = int(number) if name and number.isdecimal() else exposed
    async with tunnelled(graph, service, name or registry, port) as address:
        yield f"{'https' if port == HTTPS_PORT else 'http'}://{address}"


@asynccontextmanager
async def tunnelled(graph: Graph, service: Service, host: str, port: int) -> AsyncIterator[str]:
    """Start the service, and give the `address:port` of this machine that leads to a port of it."""
    tunnels = Tunnels(graph.services, graph.sandbox)
    async with graph.services.bound(((host, service),)):
        try:
            opened = await tunnels.open(Tunnel(service, (Forward(port),)))
            yield f"{LOOPBACK}:{opened.ports[0]}"
        finally:
            await tunnels.close_all()
