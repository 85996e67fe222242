"""Containers of one session: run to their end, or kept running as services."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from dataclasses import dataclass
from pathlib import Path

from embedded_engine.events import Emit
from embedded_engine.sandbox.bundle import DEFAULT_HOSTNAME, process_section
from embedded_engine.sandbox.errors import SandboxError, StartError
from embedded_engine.sandbox.forward import network_socket
from embedded_engine.sandbox.link import Call
from embedded_engine.sandbox.names import hosts_file
from embedded_engine.sandbox.outcome import exit_of
from embedded_engine.sandbox.session import SandboxSession
from embedded_engine.sandbox.spec import ContainerSpec, Exit, HostNames
from embedded_engine.sandbox.stdio import standard_files

_RETRY = 0.05
"""Seconds between two attempts to connect to a port on which nothing listens yet."""


@dataclass(frozen=True)
class _Placed:
    """A container that was handed to a supervisor."""

    spec: ContainerSpec
    session: SandboxSession
    name: str
    call: Call


class Sandbox:
    """Starts its supervisor when the first container is to run. All methods belong to one event loop."""

    def __init__(self, root: Path, emit: Emit, rootless: bool = False) -> None:
        self._directory = root / "sandbox"
        self._emit = emit
        self._rootless = rootless
        self._session: SandboxSession | None = None
        self._opening = asyncio.Lock()
        self._placed: dict[str, _Placed] = {}
        self._closed = False

    async def run(self, spec: ContainerSpec) -> Exit:
        """Run a container to its end. Cancelling this kills it, and returns when nothing of it is left.

        Raises StartError when its program cannot be started, SandboxError when the sandbox fails.
        """
        placed = await self._place(spec)
        try:
            return await self._end(placed)
        except asyncio.CancelledError:
            _signal(placed, signal.SIGKILL)
            await _outlast_cancellation(placed.call)
            raise
        finally:
            self._placed.pop(spec.id, None)

    async def start(self, spec: ContainerSpec) -> Running:
        """Start a container that goes on running. Raises as run() does."""
        placed = await self._place(spec)
        try:
            started = await asyncio.shield(placed.call.started)
            if "started" not in started:
                await self._end(placed)
        except BaseException:
            _signal(placed, signal.SIGKILL)
            await _outlast_cancellation(placed.call)
            self._placed.pop(spec.id, None)
            raise
        return Running(self, placed, started.get("address") or "")

    async def exec_in(
        self,
        container: str,
        args: tuple[str, ...],
        *,
        env: tuple[tuple[str, str], ...] | None = None,
        cwd: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 (callers give seconds)
        stdin: bytes | Path | None = None,
        stdout: Path | None = None,
        stderr: Path | None = None,
    ) -> Exit:
        """Run another program in a running container, as its user; `env` and `cwd` are the container's unless given.

        After `timeout` seconds it is killed and TimeoutError raised. Output without a file is dropped.
        """
        placed = self._find(container)
        environment = placed.session.environment(placed.spec, placed.spec.env if env is None else env)
        section = process_section(placed.spec, args=args, env=environment, cwd=cwd)
        files = standard_files(stdin, stdout, stderr)
        call = placed.session.link.call({"do": "exec", "name": placed.name, "process": section}, files)
        running = _Placed(placed.spec, placed.session, placed.name, call)
        try:
            async with asyncio.timeout(timeout):
                outcome, _files = await asyncio.shield(call.done)
        except (asyncio.CancelledError, TimeoutError):
            _signal(running, signal.SIGKILL)
            await _outlast_cancellation(call)
            raise
        return exit_of(outcome)

    async def connect(self, ip: str, port: int, timeout: float = 0) -> socket.socket:  # noqa: ASYNC109 (callers give seconds)
        """A connection, not blocking, to a container's port; tries for `timeout` seconds, at least once.

        Raises OSError (the last attempt's) or TimeoutError.
        """
        session = await self._ready()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        while True:
            connection = await network_socket(session.link)
            connection.setblocking(False)
            try:
                async with asyncio.timeout(max(deadline - loop.time(), 1)):
                    await loop.sock_connect(connection, (ip, port))
            except BaseException as error:
                connection.close()
                if not isinstance(error, OSError) or loop.time() + _RETRY > deadline:
                    raise
                await asyncio.sleep(_RETRY)
            else:
                return connection

    async def network_socket(self) -> socket.socket:
        """A TCP socket of the containers' network, to listen with: on 10.87.0.1 they reach it."""
        return await network_socket((await self._ready()).link)

    async def set_hosts(self, container: str, hosts: HostNames) -> None:
        """Give a running container other names in its /etc/hosts."""
        placed = self._find(container)
        content = hosts_file(placed.spec.hostname or DEFAULT_HOSTNAME, hosts)
        await asyncio.shield(placed.session.link.call({"do": "hosts", "name": placed.name, "content": content}).done)

    async def close(self) -> None:
        """End every container and the supervisor. Whoever still waits gets a SandboxError."""
        self._closed = True
        async with self._opening:
            session, self._session = self._session, None
            if session is not None:
                await session.close()

    async def _place(self, spec: ContainerSpec) -> _Placed:
        if spec.id in self._placed:
            raise SandboxError(f"a container {spec.id} runs already")
        session = await self._ready()
        name, call = session.launch(spec, standard_files(spec.stdin, spec.stdout, spec.stderr))
        placed = self._placed[spec.id] = _Placed(spec, session, name, call)
        return placed

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

    async def _end(self, placed: _Placed) -> Exit:
        outcome, _files = await asyncio.shield(placed.call.done)
        try:
            return exit_of(outcome)
        except StartError as error:
            # The real engine's init writes it there, too: a log that says nothing helps nobody.
            with contextlib.suppress(OSError), placed.spec.stderr.open("a") as file:
                file.write(f"{error}\n")
            raise

    def _find(self, container: str) -> _Placed:
        placed = self._placed.get(container)
        if placed is None:
            raise SandboxError(f"no container {container} runs")
        return placed


class Running:
    """A container that goes on running. `ip` is its address in the session's network, empty without one."""

    def __init__(self, sandbox: Sandbox, placed: _Placed, ip: str) -> None:
        self._sandbox = sandbox
        self._placed = placed
        self.id = placed.spec.id
        self.ip = ip

    @property
    def ended(self) -> bool:
        """Whether it has ended and everything of it has been taken apart."""
        return self._placed.call.done.done()

    async def wait(self) -> Exit:
        """Its exit, whenever that comes; cancelling this leaves it running."""
        try:
            return await self._sandbox._end(self._placed)
        finally:
            if self.ended:
                self._sandbox._placed.pop(self.id, None)

    async def signal(self, name: str) -> None:
        """Send it a signal, such as `SIGHUP`."""
        number = getattr(signal, name if name.startswith("SIG") else f"SIG{name}", None)
        if not isinstance(number, signal.Signals):
            raise SandboxError(f"no such signal: {name}")
        _signal(self._placed, number)

    async def stop(self, timeout: float = 10, signal_name: str = "SIGTERM") -> Exit:  # noqa: ASYNC109
        """End it: by `signal_name`, and when it still runs after `timeout` seconds by force."""
        await self.signal(signal_name)
        try:
            async with asyncio.timeout(timeout):
                return await self.wait()
        except TimeoutError:
            await self.signal("SIGKILL")
            return await self.wait()


def _signal(placed: _Placed, number: signal.Signals) -> None:
    placed.session.link.tell({"do": "signal", "program": placed.call.number, "number": int(number)})


async def _outlast_cancellation(call: Call) -> None:
    """Wait for the end of what was killed, however often this is cancelled: the caller will touch its directories."""
    while not call.done.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([call.done])
