"""Host.service: ports of this machine as a service that containers are bound to."""

from __future__ import annotations

from typing import Any

from embedded_engine.api.host import HostValue
from embedded_engine.api.values import SCRATCH, ServiceValue
from embedded_engine.binding import RequestContext, field
from embedded_engine.errors import EngineError, NotSupportedError
from embedded_engine.graph.process import HostPorts, Port, Process, Service


@field("Host", "service")
def service(
    ctx: RequestContext, self: HostValue, *, ports: tuple[dict[str, Any], ...], host: str = "localhost"
) -> ServiceValue:
    if not ports:
        raise EngineError("no ports specified")
    if any(each.get("protocol", "TCP") != "TCP" for each in ports):
        raise NotSupportedError("Host.service(ports:) with UDP")
    forwards = tuple((each.get("frontend") or each["backend"], each["backend"]) for each in ports)
    exposed = tuple(
        Port(front, description=f"tunnel TCP {front} -> {back}", skip_healthcheck=True) for front, back in forwards
    )
    # Nothing runs: a process that is never started stands where a container's would be.
    return ServiceValue(Service(Process(SCRATCH, ()), exposed, host=HostPorts(host, forwards)))
