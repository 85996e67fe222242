"""Neighbours: running containers learn the names of services that start after them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from embedded_engine.sandbox import Sandbox

Hosts = tuple[tuple[str, tuple[str, ...]], ...]

STARTING_SECONDS = 0.05


class Neighbours:
    """The containers of one session that are about to run or do, with the names that each of them knows."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._known: dict[str, Hosts] = {}
        self._telling: set[asyncio.Task[None]] = set()

    @contextmanager
    def present(self, container: str, hosts: Hosts) -> Iterator[None]:
        """While the block lasts, the container is told of every service that starts."""
        self._known[container] = hosts
        try:
            yield
        finally:
            del self._known[container]

    def announce(self, ip: str, hostname: str) -> None:
        """Tell everybody that a service has started."""
        for container, hosts in list(self._known.items()):
            self._known[container] = (*hosts, (ip, (hostname,)))
            task = asyncio.create_task(self._tell(container))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    async def _tell(self, container: str) -> None:
        """Write a container's names anew; one that is being started is told as soon as it runs."""
        from embedded_engine.sandbox import SandboxError

        while container in self._known:
            try:
                await self._sandbox.set_hosts(container, self._known[container])
                return
            except SandboxError:
                await asyncio.sleep(STARTING_SECONDS)
