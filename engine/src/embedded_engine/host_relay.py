"""Ports of this machine as a service of the session: listened to on the bridge, carried to where they lead here."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import socket
from collections.abc import Coroutine
from typing import TYPE_CHECKING

from embedded_engine.errors import EngineError
from embedded_engine.sandbox import Exit
from embedded_engine.sandbox.supervisor.addresses import RELAYS, RELAYS_PREFIX

if TYPE_CHECKING:
    from embedded_engine.graph.process import HostPorts
    from embedded_engine.sandbox import Sandbox

BACKLOG = 128
CHUNK_BYTES = 64 * 1024
_ADDRESSES = tuple(str(address) for address in ipaddress.ip_network(f"{RELAYS}/{RELAYS_PREFIX}").hosts())


class HostRelayError(EngineError):
    """Ports of this machine that cannot be offered to containers."""


class HostRelay:
    """What runs in place of a container: it has an address, can be waited for and stopped."""

    def __init__(self, ip: str, ports: HostPorts) -> None:
        self.ip = ip
        self._ports = ports
        self._ended = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(cls, sandbox: Sandbox, ports: HostPorts) -> HostRelay:
        """Listen on every front port, at an address that no other relay listens on."""
        for ip in _ADDRESSES:
            relay, front = cls(ip, ports), 0
            try:
                for front, back in ports.forwards:
                    relay._begin(relay._accept(await _listen(sandbox, ip, front), back))
            except OSError as error:
                await relay.stop(0)
                if error.errno != errno.EADDRINUSE:
                    raise HostRelayError(f"cannot offer port {front} to containers: {error.strerror}") from None
            else:
                return relay
        raise HostRelayError(f"cannot offer ports of this machine: {len(_ADDRESSES)} services of it run already")

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
            there_reader, there_writer = await asyncio.open_connection(self._ports.host, port)
            reader, writer = await asyncio.open_connection(sock=connection)
            try:
                await asyncio.gather(_copy(reader, there_writer), _copy(there_reader, writer))
            finally:
                there_writer.close()
                writer.close()


async def _listen(sandbox: Sandbox, ip: str, port: int) -> socket.socket:
    """A socket that listens in the session's network."""
    listener = await sandbox.network_socket()
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((ip, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(CHUNK_BYTES):
        writer.write(chunk)
        await writer.drain()
    with contextlib.suppress(OSError):
        writer.write_eof()
