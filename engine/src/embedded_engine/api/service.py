"""Service: started, stopped, reached by name; and tunnels from this machine to one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from embedded_engine.api.host import HostValue
from embedded_engine.api.values import PortValue, ServiceValue
from embedded_engine.binding import RequestContext, field
from embedded_engine.errors import EngineError
from embedded_engine.events import Note
from embedded_engine.graph.process import Service
from embedded_engine.tunnels import LOOPBACK, Forward, Tunnel, TunnelError


@field("Service", "hostname")
def hostname(ctx: RequestContext, self: ServiceValue) -> str:
    return LOOPBACK if isinstance(self.service, Tunnel) else str(ctx.engine.services.hostname(self.service))


@field("Service", "withHostname")
def with_hostname(ctx: RequestContext, self: ServiceValue, *, hostname: str) -> ServiceValue:
    return ServiceValue(replace(self.contained, hostname=hostname))


@field("Service", "ports")
def ports(ctx: RequestContext, self: ServiceValue) -> tuple[PortValue, ...]:
    if isinstance(self.service, Tunnel):
        return tuple(PortValue(port) for port in _opened(ctx, self.service))
    return tuple(
        PortValue(each.port, each.protocol, each.description, each.skip_healthcheck) for each in self.service.ports
    )


@field("Service", "endpoint")
def endpoint(ctx: RequestContext, self: ServiceValue, *, port: int | None = None, scheme: str = "") -> str:
    exposed = [each.port for each in ports(ctx, self)]
    if port is None and not exposed:
        raise EngineError("no ports exposed: name one, or expose it with withExposedPort")
    address = f"{hostname(ctx, self)}:{exposed[0] if port is None else port}"
    return f"{scheme}://{address}" if scheme else address


@field("Service", "start")
async def start(ctx: RequestContext, self: ServiceValue) -> ServiceValue:
    if isinstance(self.service, Tunnel):
        await ctx.engine.tunnels.open(self.service)
    else:
        await ctx.engine.services.start(self.service)
    return self


@field("Service", "sync")
async def sync(ctx: RequestContext, self: ServiceValue) -> ServiceValue:
    return await start(ctx, self)


@field("Service", "stop")
async def stop(ctx: RequestContext, self: ServiceValue, *, kill: bool = False) -> ServiceValue:
    if isinstance(self.service, Tunnel):
        await ctx.engine.tunnels.close(self.service)
    else:
        await ctx.engine.services.stop(self.service, kill=kill)
    return self


@field("Service", "up")
async def up(
    ctx: RequestContext, self: ServiceValue, *, ports: tuple[dict[str, Any], ...] = (), random: bool = False
) -> None:
    """Serve on this machine until the request is given up, by Ctrl-C for instance."""
    tunnel = Tunnel(self.contained, _forwards(self.contained, ports, native=not random))
    opened = await ctx.engine.tunnels.open(tunnel)
    for here, forward in zip(opened.ports, tunnel.forwards, strict=True):
        ctx.engine.emit(Note(f"listening on {LOOPBACK}:{here}, which leads to port {forward.backend} of the service"))
    try:
        await asyncio.Event().wait()
    finally:
        await ctx.engine.tunnels.close(tunnel)


@field("Host", "tunnel")
def tunnel(
    ctx: RequestContext,
    self: HostValue,
    *,
    service: ServiceValue,
    native: bool = False,
    ports: tuple[dict[str, Any], ...] = (),
) -> ServiceValue:
    return ServiceValue(Tunnel(service.contained, _forwards(service.contained, ports, native=native)))


def _forwards(service: Service, ports: Sequence[dict[str, Any]], *, native: bool) -> tuple[Forward, ...]:
    """The ports asked for and, if `native` or if none were, all TCP ports that the service exposes."""
    if any(each.get("protocol", "TCP") != "TCP" for each in ports):
        raise TunnelError("tunnels carry TCP only")
    asked = tuple(Forward(each["backend"], each.get("frontend") or 0) for each in ports)
    exposed = tuple(Forward(each.port, each.port if native else 0) for each in service.ports if each.protocol == "TCP")
    forwards = asked + exposed if native or not asked else asked
    if not forwards:
        raise TunnelError("no ports to forward: expose one with withExposedPort, or name ports")
    return tuple(dict.fromkeys(forwards))


def _opened(ctx: RequestContext, tunnel: Tunnel) -> tuple[int, ...]:
    found = ctx.engine.tunnels.find(tunnel)
    if found is None:
        raise TunnelError(f"service {ctx.engine.services.hostname(tunnel.service)} is not running: start it first")
    return tuple(found.ports)
