"""Ports of the host's loopback that containers may use: a proxy or a package index that the host's settings name.

The listening socket belongs to the session's network, on the bridge's address; who connects reaches the same port here.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterable

from embedded_engine.sandbox.link import Link

BRIDGE_ADDRESS = "10.87.0.1"
_CHUNK = 1 << 16
_BACKLOG = 128


class Forwards:
    """All forwarded ports of a session."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._servers: list[asyncio.Server] = []

    async def open(self, ports: Iterable[int]) -> None:
        """Forward these ports from now on."""
        for port in ports:
            listener = await network_socket(self._link)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((BRIDGE_ADDRESS, port))
            listener.listen(_BACKLOG)
            listener.setblocking(False)

            async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int = port) -> None:
                await _forward(reader, writer, port)

            self._servers.append(await asyncio.start_server(serve, sock=listener))

    async def close(self) -> None:
        """Stop forwarding."""
        for server in self._servers:
            server.close()
        self._servers.clear()


async def network_socket(link: Link) -> socket.socket:
    """A TCP socket of the session's network, not connected yet."""
    _answer, files = await asyncio.shield(link.call({"do": "socket"}).done)
    return socket.socket(fileno=files[0])


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    try:
        there_reader, there_writer = await asyncio.open_connection("localhost", port)
    except OSError:
        writer.close()
        return
    await asyncio.gather(_copy(reader, there_writer), _copy(there_reader, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError):
        if writer.can_write_eof():
            writer.write_eof()
            return
    writer.close()
