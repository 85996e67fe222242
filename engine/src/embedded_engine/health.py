"""Whether a service is ready: its health check passes, or else its TCP ports accept connections."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from embedded_engine.errors import EngineError

if TYPE_CHECKING:
    from embedded_engine.graph.process import Port, Service
    from embedded_engine.images.config import Healthcheck
    from embedded_engine.sandbox import Running, Sandbox

NANOSECONDS = 1_000_000_000
DEFAULT_INTERVAL_SECONDS = 5.0
DEFAULT_TIMEOUT_SECONDS = 30.0
DEFAULT_RETRIES = 3
FIRST_PROBE_SECONDS = 0.02
SLOWEST_PROBE_SECONDS = 1.0


class HealthError(EngineError):
    """A health check that failed more often than it may."""


async def wait_until_ready(sandbox: Sandbox, service: Service, container: Running) -> None:
    """Return when the service is ready. A health check comes before ports, as on Dagger; without either, at once."""
    check = service.healthcheck
    if check is not None and check.test and check.test[0] != "NONE":
        await _check_health(sandbox, container, check)
        return
    ports = [port for port in service.ports if port.protocol == "TCP" and not port.skip_healthcheck]
    await asyncio.gather(*(_accepts(sandbox, container, port) for port in ports))


async def _accepts(sandbox: Sandbox, container: Running, port: Port) -> None:
    pause = FIRST_PROBE_SECONDS
    while True:
        try:
            connection = await sandbox.connect(container.ip, port.port, timeout=SLOWEST_PROBE_SECONDS)
        except OSError:
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, SLOWEST_PROBE_SECONDS)
        else:
            connection.close()
            return


async def _check_health(sandbox: Sandbox, container: Running, check: Healthcheck) -> None:
    """Run the command until it succeeds. Failures count only after the start period."""
    args = check.test[1:] if check.test[0] == "CMD" else ("/bin/sh", "-c", *check.test[1:])
    interval = (check.start_interval or check.interval) / NANOSECONDS or DEFAULT_INTERVAL_SECONDS
    timeout = check.timeout / NANOSECONDS or DEFAULT_TIMEOUT_SECONDS
    loop = asyncio.get_running_loop()
    grace_ends = loop.time() + check.start_period / NANOSECONDS
    failures = 0
    while True:
        try:
            ended = await sandbox.exec_in(container.id, args, timeout=timeout)
            problem = f"exit code {ended.code}"
            if ended.code == 0:
                return
        except TimeoutError:
            problem = f"no answer in {timeout:g} s"
        if loop.time() >= grace_ends:
            failures += 1
        if failures >= (check.retries or DEFAULT_RETRIES):
            raise HealthError(f"health check {' '.join(args)!r} failed {failures} times, last with {problem}")
        await asyncio.sleep(interval)
