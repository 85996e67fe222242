"""Ports of the host's loopback that containers may use: a proxy or a package index that the host's settings name.

The listening socket belongs to the session's network, on the bridge's address; who connects reaches the same port here.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Coroutine, Iterable

from embedded_engine.sandbox.link import Link
from embedded_engine.sandbox.supervisor.addresses import BRIDGE

_CHUNK = 1 << 16
_BACKLOG = 128


class Forwards:
    """All forwarded ports of a session."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, ports: Iterable[int]) -> None:
        """Forward these ports from now on."""
        for port in ports:
            listener = await network_socket(self._link)
            listener.bind((BRIDGE, port))
            listener.listen(_BACKLOG)
            self._begin(self._accept(listener, port))

    async def close(self) -> None:
        """Stop forwarding and break what is connected."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, listener: socket.socket, port: int) -> None:
        loop = asyncio.get_running_loop()
        with listener:
            while True:
                connection, _address = await loop.sock_accept(listener)
                self._begin(_relay(connection, port))


async def network_socket(link: Link) -> socket.socket:
    """A TCP socket of the session's network, not blocking and not connected yet."""
    _answer, files = await asyncio.shield(link.call({"do": "socket"}).done)
    made = socket.socket(fileno=files[0])
    made.setblocking(False)
    return made


async def _relay(connection: socket.socket, port: int) -> None:
    with connection, contextlib.suppress(OSError), socket.socket() as there:
        there.setblocking(False)
        await asyncio.get_running_loop().sock_connect(there, ("127.0.0.1", port))
        await asyncio.gather(_copy(connection, there), _copy(there, connection))


async def _copy(source: socket.socket, target: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    while data := await loop.sock_recv(source, _CHUNK):
        await loop.sock_sendall(target, data)
    target.shutdown(socket.SHUT_WR)
