"""Containers of one session: run to their end, or kept running as services."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

from embedded_engine.events import Emit
from embedded_engine.sandbox.errors import SandboxError
from embedded_engine.sandbox.forward import network_socket
from embedded_engine.sandbox.running import Running
from embedded_engine.sandbox.session import SandboxSession
from embedded_engine.sandbox.spec import ContainerSpec, Exit, HostNames

_RETRY = 0.05
"""Seconds between two attempts to connect to a port on which nothing listens yet."""
_ATTEMPT = 1.0
"""Seconds that one attempt may take at least."""


class Sandbox:
    """Starts its supervisor when the first container is to run. All methods belong to one event loop."""

    def __init__(self, root: Path, emit: Emit, rootless: bool = False) -> None:
        self._directory = root / "sandbox"
        self._emit = emit
        self._rootless = rootless
        self._session: SandboxSession | None = None
        self._opening = asyncio.Lock()
        self._running: dict[str, Running] = {}
        self._closed = False

    async def run(self, spec: ContainerSpec) -> Exit:
        """Run a container to its end. Cancelling this kills it, and returns when nothing of it is left.

        Raises StartError when its program cannot be started, SandboxError when the sandbox fails.
        """
        running = await self._launch(spec)
        try:
            return await running.wait()
        except asyncio.CancelledError:
            await running.kill()
            raise

    async def start(self, spec: ContainerSpec) -> Running:
        """Start a container that goes on running. Raises as run() does."""
        running = await self._launch(spec)
        try:
            await running.started()
        except BaseException:
            await running.kill()
            raise
        return running

    async def exec_in(
        self,
        container: str,
        args: tuple[str, ...],
        env: tuple[tuple[str, str], ...] | None = None,
        cwd: str | None = None,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 (callers give seconds)
        stdin: bytes | Path | None = None,
        stdout: Path | None = None,
        stderr: Path | None = None,
    ) -> Exit:
        """Run another program in a running container, as its user; `env` and `cwd` are the container's unless given.

        After `timeout` seconds it is killed, and its exit says so. Output without a file is dropped.
        """
        running = self._find(container)
        return await running.execute(args, env, cwd, timeout=timeout, stdin=stdin, stdout=stdout, stderr=stderr)

    async def set_hosts(self, container: str, hosts: HostNames) -> None:
        """Give a running container other names in its /etc/hosts."""
        await self._find(container).set_hosts(hosts)

    async def connect(self, ip: str, port: int, timeout: float = 0) -> socket.socket:  # noqa: ASYNC109
        """A connection, not blocking, to a container's port; tries for `timeout` seconds, at least once.

        Raises OSError, as the last attempt did; TimeoutError is one.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        while True:
            connection = await self.network_socket()
            try:
                async with asyncio.timeout(max(deadline - loop.time(), _ATTEMPT)):
                    await loop.sock_connect(connection, (ip, port))
            except BaseException as error:
                connection.close()
                if not isinstance(error, OSError) or loop.time() + _RETRY > deadline:
                    raise
                await asyncio.sleep(_RETRY)
            else:
                return connection

    async def network_socket(self) -> socket.socket:
        """A TCP socket of the containers' network, not blocking; bound to 10.87.0.1 it is reached by all of them."""
        return await network_socket((await self._ready()).link)

    async def close(self) -> None:
        """End every container and the supervisor. Whoever still waits gets a SandboxError."""
        self._closed = True
        async with self._opening:
            session, self._session = self._session, None
            if session is not None:
                await session.close()

    async def _launch(self, spec: ContainerSpec) -> Running:
        session = await self._ready()
        if spec.id in self._running:
            raise SandboxError(f"a container {spec.id} runs already")
        running = Running(spec, session, lambda: self._running.pop(spec.id, None))
        self._running[spec.id] = running
        return running

    async def _ready(self) -> SandboxSession:
        if self._session is None or not self._session.link.alive:
            async with self._opening:
                if self._closed:
                    raise SandboxError("the sandbox is closed")
                if self._session is not None and not self._session.link.alive:
                    await self._session.close()
                    self._session = None
                if self._session is None:
                    self._session = await SandboxSession.open(self._directory, self._emit, rootless=self._rootless)
        return self._session

    def _find(self, container: str) -> Running:
        running = self._running.get(container)
        if running is None:
            raise SandboxError(f"no container {container} runs")
        return running
