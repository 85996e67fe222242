"""Service: started, stopped, reached by name."""

from __future__ import annotations

from dataclasses import replace

from embedded_engine.api.values import PortValue, ServiceValue
from embedded_engine.binding import RequestContext, field
from embedded_engine.errors import EngineError


@field("Service", "hostname")
async def hostname(ctx: RequestContext, self: ServiceValue) -> str:
    return str(ctx.engine.services.hostname(self.service))


@field("Service", "withHostname")
def with_hostname(ctx: RequestContext, self: ServiceValue, *, hostname: str) -> ServiceValue:
    return ServiceValue(replace(self.service, hostname=hostname))


@field("Service", "ports")
def ports(ctx: RequestContext, self: ServiceValue) -> tuple[PortValue, ...]:
    return tuple(
        PortValue(each.port, each.protocol, each.description, each.skip_healthcheck) for each in self.service.ports
    )


@field("Service", "endpoint")
async def endpoint(ctx: RequestContext, self: ServiceValue, *, port: int | None = None, scheme: str = "") -> str:
    if port is None:
        if not self.service.ports:
            raise EngineError("no ports exposed: name one, or expose it with withExposedPort")
        port = self.service.ports[0].port
    address = f"{ctx.engine.services.hostname(self.service)}:{port}"
    return f"{scheme}://{address}" if scheme else address


@field("Service", "start")
async def start(ctx: RequestContext, self: ServiceValue) -> ServiceValue:
    await ctx.engine.services.start(self.service)
    return self


@field("Service", "sync")
async def sync(ctx: RequestContext, self: ServiceValue) -> ServiceValue:
    await ctx.engine.services.start(self.service)
    return self


@field("Service", "stop")
async def stop(ctx: RequestContext, self: ServiceValue, *, kill: bool = False) -> ServiceValue:
    await ctx.engine.services.stop(self.service, kill=kill)
    return self
