"""One supervisor and everything that was found out for it: runtime, control group, init, the host's settings."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from embedded_engine.events import Emit, Note
from embedded_engine.sandbox import cgroups
from embedded_engine.sandbox.errors import SandboxError
from embedded_engine.sandbox.forward import Forwards
from embedded_engine.sandbox.host_settings import HostSettings
from embedded_engine.sandbox.link import Call, Link
from embedded_engine.sandbox.outcome import exit_of
from embedded_engine.sandbox.plan import plan
from embedded_engine.sandbox.programs import program
from embedded_engine.sandbox.runtime import Runtime, candidates, remember, remembered
from embedded_engine.sandbox.spec import ContainerSpec, Overlay
from embedded_engine.sandbox.stdio import standard_files
from embedded_engine.store.errors import storage_errors

_NO_WAY_OUT = "containers have no way out of their own network: "
_NETWORK_SECONDS = 10.0
TAP = Path("/dev/net/tun")
"""What slirp4netns makes its interface with."""


class Launch(NamedTuple):
    """A container on its way: its name for the supervisor, the call that tells its fate, its standard error (open)."""

    name: str
    call: Call
    log: int


class SandboxSession:
    """Starts containers. Made by open(); of no use once its link is dead."""

    def __init__(self, directory: Path, runtime: Runtime, *, rootless: bool) -> None:
        self._runtime = runtime
        self._rootless = rootless
        self._outside = False
        self._names = itertools.count(1)
        self._cgroup = cgroups.new_session()
        self._settings = HostSettings.read(os.environ)
        self._init = program("tini-static")
        self._mount_point = directory / "run"
        self._mount_point.mkdir(parents=True, exist_ok=True)
        self.link = Link(self._mount_point)
        self._forwards = Forwards(self.link)

    @classmethod
    async def open(cls, directory: Path, emit: Emit, *, rootless: bool) -> SandboxSession:
        """Start a supervisor. Raises SandboxError when no container can be started on this machine."""
        record = directory / "runtime.json"
        known = remembered(record, os.environ)
        choices = [known] if known else candidates(os.environ)
        cgroups.sweep()
        with storage_errors("start the sandbox"):
            session = cls(directory, choices[0], rootless=rootless)
        try:
            await session._await_network(emit)
            await session._forwards.open(session._settings.forwarded_ports)
            if known is None:
                await session._try(choices, directory / "probe")
                remember(record, session._runtime, os.environ)
        except BaseException:
            await session.close()
            raise
        return session

    def launch(self, spec: ContainerSpec) -> Launch:
        """Start a container."""
        name = f"c{next(self._names)}"
        orders = plan(
            replace(spec, env=self.environment(spec, spec.env)),
            name=name,
            directory=self._mount_point,
            runtime=self._runtime.command,
            outside=self._outside,
            cgroup=f"{self._cgroup}/{name}" if self._runtime.cgroups else None,
            init=None if self._init is None else Path(self._init),
            settings=self._settings,
            rootless=self._rootless,
        )
        files = standard_files(spec.stdin, spec.stdout, spec.stderr)
        log = os.dup(files[2])
        return Launch(name, self.link.call({"do": "run", "plan": orders}, files), log)

    def signal(self, call: Call, number: signal.Signals) -> None:
        """Send a signal to the program that `call` started, if it still runs."""
        self.link.tell({"do": "signal", "program": call.number, "number": int(number)})

    def environment(self, spec: ContainerSpec, env: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        """`env` with the host's settings, unless the container is to go without."""
        if not spec.host_settings:
            return env
        return self._settings.environment(env, tuple(name for _address, names in spec.hosts for name in names))

    async def close(self) -> None:
        """End everything that runs and remove what the kernel leaves."""
        await self._forwards.close()
        await self.link.close()
        await asyncio.to_thread(cgroups.remove_session, self._cgroup)

    async def _await_network(self, emit: Emit) -> None:
        try:
            async with asyncio.timeout(_NETWORK_SECONDS):
                self._outside = await asyncio.shield(self.link.outside)
        except TimeoutError:
            raise SandboxError(f"slirp4netns is not ready after {_NETWORK_SECONDS:.0f} s") from None
        if not self._outside:
            reason = f"slirp4netns does not start here (is there a {TAP}?)"
            if os.access(TAP, os.F_OK) and not os.access(TAP, os.R_OK | os.W_OK):
                reason = f"this user may not use {TAP} (chmod 666 {TAP})"
            if program("slirp4netns") is None:
                reason = "install slirp4netns (apt-get install slirp4netns)"
            emit(Note(_NO_WAY_OUT + reason))

    async def _try(self, choices: list[Runtime], root: Path) -> None:
        """Settle on the first runtime that runs a trivial container."""
        if self._init is None:
            return
        with storage_errors("try the OCI runtime"):
            for directory in ("proc", "dev", "sys", "etc"):
                (root / directory).mkdir(parents=True, exist_ok=True)
            (root / "etc/hosts").touch()
            shutil.copy2(self._init, root / "init")
        nowhere = Path(os.devnull)
        spec = ContainerSpec(
            "probe", Overlay((root,)), ("/init", "--version"), nowhere, nowhere, init=False, network=False
        )
        failures: list[str] = []
        for self._runtime in choices:
            try:
                launch = self.launch(spec)
                os.close(launch.log)
                exit_of((await launch.call.done)[0])
            except SandboxError as error:
                failures.append(f"{Path(self._runtime.program).name}: {error}")
            else:
                return
        raise SandboxError(f"no OCI runtime works here: {'; '.join(failures)}")
