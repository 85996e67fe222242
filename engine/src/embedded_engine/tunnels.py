"""Tunnels: ports of this machine's loopback that lead to a service in the session's network."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from embedded_engine.errors import EngineError
from embedded_engine.graph.identity import fingerprint
from embedded_engine.graph.process import Service

if TYPE_CHECKING:
    from embedded_engine.sandbox import Sandbox
    from embedded_engine.services import RunningService, Services

LOOPBACK = "127.0.0.1"
CHUNK_BYTES = 64 * 1024
CONNECT_SECONDS = 10.0


class TunnelError(EngineError):
    """A tunnel that cannot be opened."""


@dataclass(frozen=True)
class Forward:
    """One port: `frontend` on this machine (0 for any free one) leads to `backend` of the service."""

    backend: int
    frontend: int = 0


@dataclass(frozen=True)
class Tunnel:
    """Ports of this machine that lead to a service."""

    service: Service
    forwards: tuple[Forward, ...]
    digest: str = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "digest", fingerprint("tunnel", self.service, self.forwards))


@dataclass
class OpenTunnel:
    """A tunnel that listens; `ports` are this machine's, in the order of its forwards."""

    servers: tuple[asyncio.Server, ...]
    connections: set[asyncio.Task[None]]

    @property
    def ports(self) -> tuple[int, ...]:
        """Where it listens."""
        return tuple(server.sockets[0].getsockname()[1] for server in self.servers)

    async def close(self) -> None:
        """Stop listening and cut what is connected."""
        for server in self.servers:
            server.close()
        for task in self.connections:
            task.cancel()
        await asyncio.gather(*self.connections, return_exceptions=True)


class Tunnels:
    """The tunnels of one session."""

    def __init__(self, services: Services, sandbox: Sandbox) -> None:
        self._services = services
        self._sandbox = sandbox
        self._open: dict[str, OpenTunnel] = {}
        self._opening: dict[str, asyncio.Lock] = {}

    async def open(self, tunnel: Tunnel) -> OpenTunnel:
        """Start the service and listen; the same tunnel is opened once."""
        async with self._opening.setdefault(tunnel.digest, asyncio.Lock()):
            if tunnel.digest not in self._open:
                running = await self._services.start(tunnel.service)
                self._open[tunnel.digest] = await self._listen(tunnel, running)
            return self._open[tunnel.digest]

    def find(self, tunnel: Tunnel) -> OpenTunnel | None:
        """The open tunnel, if it is open."""
        return self._open.get(tunnel.digest)

    async def close(self, tunnel: Tunnel) -> None:
        """Close it; the service goes on. One that is not open is no error."""
        if found := self._open.pop(tunnel.digest, None):
            await found.close()

    async def close_all(self) -> None:
        """Close every tunnel: the session ends."""
        while self._open:
            await self._open.popitem()[1].close()

    async def _listen(self, tunnel: Tunnel, running: RunningService) -> OpenTunnel:
        connections: set[asyncio.Task[None]] = set()
        servers: list[asyncio.Server] = []
        try:
            for forward in tunnel.forwards:  # one by one: what listens already is closed when a later one cannot
                servers.append(await self._serve(forward, running, connections))  # noqa: PERF401
        except OSError as error:
            for server in servers:
                server.close()
            raise TunnelError(f"cannot listen on {LOOPBACK}: {error.strerror or error}") from None
        return OpenTunnel(tuple(servers), connections)

    async def _serve(
        self, forward: Forward, running: RunningService, connections: set[asyncio.Task[None]]
    ) -> asyncio.Server:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            if task is not None:
                connections.add(task)
                task.add_done_callback(connections.discard)
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await self._join(reader, writer, running, forward.backend)
            writer.close()

        return await asyncio.start_server(connected, LOOPBACK, forward.frontend)

    async def _join(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, running: RunningService, port: int
    ) -> None:
        """Carry bytes both ways until both ends are done."""
        connection = await self._sandbox.connect(running.ip, port, timeout=CONNECT_SECONDS)
        far_reader, far_writer = await asyncio.open_connection(sock=connection)
        try:
            await asyncio.gather(_carry(reader, far_writer), _carry(far_reader, writer))
        finally:
            far_writer.close()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(CHUNK_BYTES):
        writer.write(chunk)
        await writer.drain()
    with contextlib.suppress(OSError):
        writer.write_eof()
