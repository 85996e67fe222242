"""A container that was handed to the supervisor, until it has ended and been taken apart."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path

from embedded_engine.sandbox.bundle import DEFAULT_HOSTNAME, process_section
from embedded_engine.sandbox.errors import SandboxError, StartError
from embedded_engine.sandbox.link import Call
from embedded_engine.sandbox.names import hosts_file
from embedded_engine.sandbox.outcome import exit_of
from embedded_engine.sandbox.session import SandboxSession
from embedded_engine.sandbox.spec import ContainerSpec, Exit, HostNames
from embedded_engine.sandbox.stdio import standard_files


class Running:
    """Made by Sandbox.start()."""

    def __init__(self, spec: ContainerSpec, session: SandboxSession, when_ended: Callable[[], object]) -> None:
        self.spec = spec
        self._session = session
        self._launch = session.launch(spec)
        self._exit: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        self._when_ended = when_ended
        self._launch.call.done.add_done_callback(lambda _done: self._settle())

    @property
    def id(self) -> str:
        """Its name in the session, from the specification."""
        return self.spec.id

    @property
    def ip(self) -> str:
        """Its address in the session's network; empty before it started and where it has none."""
        started = self._launch.call.started
        return (started.result().get("address") or "") if started.done() and not started.exception() else ""

    @property
    def ended(self) -> bool:
        """Whether nothing of it is left."""
        return self._exit.done()

    async def started(self) -> None:
        """Return when its program runs. Raises StartError when that cannot be started."""
        if "started" not in await asyncio.shield(self._launch.call.started):
            await self.wait()

    async def wait(self) -> Exit:
        """Its exit, whenever that comes; cancelling this leaves it running."""
        return await asyncio.shield(self._exit)

    async def signal(self, name: str) -> None:
        """Send it a signal, such as `SIGHUP`."""
        number = getattr(signal, name if name.startswith("SIG") else f"SIG{name}", None)
        if not isinstance(number, signal.Signals):
            raise SandboxError(f"no such signal: {name}")
        self._session.signal(self._launch.call, number)

    async def stop(self, timeout: float = 10, signal_name: str = "SIGTERM") -> Exit:  # noqa: ASYNC109 (callers give seconds)
        """End it: by `signal_name`, and when it still runs after `timeout` seconds by force."""
        await self.signal(signal_name)
        try:
            async with asyncio.timeout(timeout):
                return await self.wait()
        except TimeoutError:
            await self.signal("SIGKILL")
            return await self.wait()

    async def kill(self) -> None:
        """End it by force and wait for that, however often this is cancelled: its directories are used afterwards."""
        self._session.signal(self._launch.call, signal.SIGKILL)
        while not self.ended:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([self._exit])

    async def execute(
        self,
        args: tuple[str, ...],
        env: tuple[tuple[str, str], ...] | None = None,
        cwd: str | None = None,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 (callers give seconds)
        stdin: bytes | Path | None = None,
        stdout: Path | None = None,
        stderr: Path | None = None,
    ) -> Exit:
        """Run another program inside; see Sandbox.exec_in."""
        environment = self._session.environment(self.spec, self.spec.env if env is None else env)
        section = process_section(self.spec, args=args, env=environment, cwd=cwd)
        files = standard_files(stdin, stdout, stderr)
        call = self._session.link.call({"do": "exec", "name": self._launch.name, "process": section}, files)
        try:
            async with asyncio.timeout(timeout):
                outcome, _files = await asyncio.shield(call.done)
        except TimeoutError:
            self._session.signal(call, signal.SIGKILL)
            outcome, _files = await asyncio.shield(call.done)
        except asyncio.CancelledError:
            self._session.signal(call, signal.SIGKILL)
            raise
        return exit_of(outcome)

    async def set_hosts(self, hosts: HostNames) -> None:
        """Give it other names in its /etc/hosts."""
        content = hosts_file(self.spec.hostname or DEFAULT_HOSTNAME, hosts)
        call = self._session.link.call({"do": "hosts", "name": self._launch.name, "content": content})
        await asyncio.shield(call.done)

    def _settle(self) -> None:
        self._when_ended()
        try:
            self._exit.set_result(exit_of(self._outcome(self._launch.call)))
        except SandboxError as error:
            if isinstance(error, StartError):
                # The real engine's init says it there, too.
                with contextlib.suppress(OSError):
                    os.write(self._launch.log, f"{error}\n".encode())
            self._exit.set_exception(error)
            self._exit.exception()  # Nobody need be waiting for it.
        finally:
            os.close(self._launch.log)

    @staticmethod
    def _outcome(call: Call) -> dict[str, object]:
        message, _files = call.done.result()
        return message
