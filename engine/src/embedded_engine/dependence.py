"""Tasks that need services: what they are given up for when one of those ends by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from embedded_engine.errors import EngineError

if TYPE_CHECKING:
    from embedded_engine.services import RunningService


class ServiceError(EngineError):
    """A service that did not start, did not become ready, or ended while it was needed."""


class Dependence:
    """A task that cannot go on without its services, which it knows by their aliases."""

    def __init__(self, task: asyncio.Task[Any], aliases: Mapping[RunningService, str]) -> None:
        self._task = task
        self._aliases = aliases
        self.failure: ServiceError | None = None

    def fail(self, service: RunningService, end: str) -> None:
        """Give the task up, once. `end` says how the service ended."""
        if self.failure is None:
            self.failure = ServiceError(f"bound service {service.hostname} (aliased as {self._aliases[service]}) {end}")
            self._task.cancel()


@asynccontextmanager
async def needing(aliases: Mapping[RunningService, str]) -> AsyncIterator[None]:
    """While the block lasts, the end of one of these services ends the block, with a ServiceError."""
    task = asyncio.current_task()
    if task is None or not aliases:
        yield
        return
    dependence = Dependence(task, aliases)
    for each in aliases:
        each.needed_by.add(dependence)
    try:
        yield
    except asyncio.CancelledError:
        if dependence.failure is None:
            raise
        task.uncancel()
        raise dependence.failure from None
    finally:
        for each in aliases:
            each.needed_by.discard(dependence)
