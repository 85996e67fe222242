"""Ports of this machine as a service of the session: listened to on the bridge, carried to where they lead here."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Coroutine
from typing import TYPE_CHECKING

from embedded_engine.errors import EngineError
from embedded_engine.sandbox import Exit
from embedded_engine.sandbox.supervisor.addresses import BRIDGE

if TYPE_CHECKING:
    from embedded_engine.graph.process import HostPorts
    from embedded_engine.sandbox import Sandbox

BACKLOG = 128
CHUNK_BYTES = 64 * 1024


class HostRelayError(EngineError):
    """Ports of this machine that cannot be offered to containers."""


class HostRelay:
    """What runs in place of a container: it has an address, can be waited for and stopped."""

    def __init__(self, ports: HostPorts) -> None:
        self.ip = BRIDGE
        self._ports = ports
        self._ended = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(cls, sandbox: Sandbox, ports: HostPorts) -> HostRelay:
        """Listen on every front port. All services of this machine share one address: each port once."""
        relay = cls(ports)
        for front, back in ports.forwards:
            listener = await sandbox.network_socket()
            try:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind((BRIDGE, front))
                listener.listen(BACKLOG)
            except OSError as error:
                listener.close()
                await relay.stop(0)
                problem = error.strerror
                if error.errno == errno.EADDRINUSE:
                    problem = "it is offered already, give this one another frontend port"
                raise HostRelayError(f"cannot offer port {front} to containers: {problem}") from None
            relay._begin(relay._accept(listener, back))
        return relay

    async def wait(self) -> Exit:
        """It ends when it is stopped."""
        await self._ended.wait()
        return Exit(0)

    async def stop(self, timeout: float) -> Exit:  # noqa: ARG002, ASYNC109 - as a container is stopped; nothing waits
        """Stop listening and break what is connected."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._ended.set()
        return Exit(0)

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, listener: socket.socket, port: int) -> None:
        loop = asyncio.get_running_loop()
        with listener:
            while True:
                connection, _ = await loop.sock_accept(listener)
                self._begin(self._carry(connection, port))

    async def _carry(self, connection: socket.socket, port: int) -> None:
        with connection, contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection(sock=connection)
            there_reader, there_writer = await asyncio.open_connection(self._ports.host, port)
            try:
                await asyncio.gather(_copy(reader, there_writer), _copy(there_reader, writer))
            finally:
                there_writer.close()
                writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(CHUNK_BYTES):
        writer.write(chunk)
        await writer.drain()
    with contextlib.suppress(OSError):
        writer.write_eof()
