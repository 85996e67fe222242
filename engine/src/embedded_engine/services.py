"""Services: started once however many use them, ready before anyone is let through, stopped when nobody is left."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from embedded_engine.dependence import Dependence, ServiceError, needing
from embedded_engine.errors import EngineError
from embedded_engine.events import StepFinished, StepOutput, StepStarted
from embedded_engine.graph.execution import CANNOT_START, MAX_ERROR_OUTPUT_BYTES, NEVER_RAN, ExecError, label
from embedded_engine.graph.output import Output, tail
from embedded_engine.graph.preparation import prepare
from embedded_engine.health import wait_until_ready
from embedded_engine.host_relay import HostRelay
from embedded_engine.neighbours import Hosts, Neighbours
from embedded_engine.sandbox import StartError

if TYPE_CHECKING:
    from embedded_engine.graph.graph import Graph
    from embedded_engine.graph.process import HostPorts, Service
    from embedded_engine.sandbox import Running

DETACH_SECONDS = 10.0
STOP_SECONDS = 10.0
READY_SECONDS = 120.0
LOG_BYTES = 4 * 1024


@dataclass(eq=False)
class RunningService:
    """A started service: where it is reached, who uses it, and what must be undone when it stops."""

    service: Service
    hostname: str
    container: Running | HostRelay
    output: Output | None
    stack: AsyncExitStack
    users: int = 0
    pinned: bool = False
    stopping: asyncio.TimerHandle | None = field(default=None, repr=False)
    watching: asyncio.Task[None] | None = field(default=None, repr=False)
    needed_by: set[Dependence] = field(default_factory=set, repr=False)

    @property
    def ip(self) -> str:
        """Its address in the session's network."""
        return self.container.ip

    def log(self) -> str:
        """The end of what it wrote."""
        return tail(self.output.file("combined"), LOG_BYTES).strip() if self.output is not None else ""


class Services:
    """The services of one session."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._running: dict[str, RunningService] = {}
        self._starting: dict[str, asyncio.Lock] = {}
        self._ends: dict[str, str] = {}
        self.neighbours = Neighbours(graph.sandbox)

    def hostname(self, service: Service) -> str:
        """The name by which every container of the session reaches it."""
        return service.hostname or f"service-{service.digest[:12]}"

    @asynccontextmanager
    async def needed(self, bindings: Iterable[tuple[str, Service]]) -> AsyncIterator[None]:
        """While the block lasts, the end of a service of `bindings` ends the block, with a ServiceError."""
        aliases: dict[RunningService, str] = {}
        for alias, service in bindings:
            running = self._running.get(service.digest)
            if running is None:
                end = self._ends.get(service.digest, "exited")
                raise ServiceError(f"bound service {self.hostname(service)} (aliased as {alias}) {end}")
            aliases[running] = alias
        async with needing(aliases):
            yield

    @asynccontextmanager
    async def bound(self, bindings: Iterable[tuple[str, Service]]) -> AsyncIterator[Hosts]:
        """Keep the services of `bindings` running, all started at once; gives the names to reach them by."""
        pairs = tuple(bindings)
        async with AsyncExitStack() as stack:
            used = await asyncio.gather(*(self._use(service) for _, service in pairs), return_exceptions=True)
            running = [each for each in used if isinstance(each, RunningService)]
            for each in running:
                stack.callback(self._release, each)
            for failure in used:
                if isinstance(failure, BaseException):
                    raise failure
            names: dict[str, list[str]] = {}
            known: set[str] = set()
            for (alias, _), each in zip(pairs, running, strict=True):
                names.setdefault(each.ip, [each.hostname])
                # Where two are bound by one alias, it is the first one's.
                if alias not in known:
                    names[each.ip].insert(0, alias)
                known.add(alias)
            for each in self._running.values():
                names.setdefault(each.ip, [each.hostname])
            yield tuple((ip, tuple(dict.fromkeys(aliases))) for ip, aliases in names.items())

    async def start(self, service: Service) -> RunningService:
        """Start it and keep it until `stop` or the end of the session."""
        running = await self._use(service)
        running.pinned = True
        self._release(running)
        return running

    async def stop(self, service: Service, *, kill: bool = False) -> None:
        """Stop it: SIGTERM first unless `kill`, SIGKILL after ten seconds. One that does not run is no error."""
        running = self._running.get(service.digest)
        if running is not None:
            await self._stop(running, kill=kill)

    def find(self, service: Service) -> RunningService | None:
        """The running instance, if there is one."""
        return self._running.get(service.digest)

    def named(self, hostname: str) -> Service | None:
        """The service that runs under that name, if one does: containers reach it so, and so does the engine."""
        return next((each.service for each in self._running.values() if each.hostname == hostname), None)

    async def close(self) -> None:
        """Stop everything at once, without waiting for politeness: the session ends."""
        await asyncio.gather(*(self._stop(each, kill=True) for each in list(self._running.values())))

    async def _use(self, service: Service) -> RunningService:
        async with self._starting.setdefault(service.digest, asyncio.Lock()):
            running = self._running.get(service.digest)
            if running is None:
                running = await self._launch(service)
                self._running[service.digest] = running
                self.neighbours.announce(running.ip, running.hostname)
                running.watching = asyncio.create_task(self._watch(running))
        if running.stopping is not None:
            running.stopping.cancel()
            running.stopping = None
        running.users += 1
        return running

    def _release(self, running: RunningService) -> None:
        running.users -= 1
        if running.users == 0 and not running.pinned and running.service.digest in self._running:
            loop = asyncio.get_running_loop()
            running.stopping = loop.call_later(DETACH_SECONDS, lambda: loop.create_task(self._stop_unused(running)))

    async def _stop_unused(self, running: RunningService) -> None:
        if running.users == 0 and not running.pinned:
            await self._stop(running, kill=False)

    async def _launch(self, service: Service) -> RunningService:
        if service.host is not None:
            return await self._offer(service, service.host)
        graph, process = self._graph, service.process
        step, name = f"service:{service.digest}", f"service {label(process.args)}"
        async with AsyncExitStack() as stack:
            # What it needs (images, services of its own) is made first, by steps of their own.
            prepared = await prepare(graph, process, stack, hostname=self.hostname(service))
            graph.emit(StepStarted(step, name))
            begin = time.monotonic()
            error: str | None = None
            try:
                output = Output(
                    prepared.directory,
                    await process.secret_values(graph),
                    lambda stream, data: graph.emit(StepOutput(step, stream, data)),
                )
                await output.open()
                stack.push_async_callback(output.finish)
                container = await graph.sandbox.start(prepared.spec_with(output))
                stack.push_async_callback(_end, container, 0)
                running = RunningService(service, self.hostname(service), container, output, AsyncExitStack())
                await self._ready(running, container, output)
            except StartError as failure:
                # A program that cannot be started is one that failed, as in an execution.
                error = str(failure)
                raise ExecError(error, process.args, CANNOT_START, "", error) from None
            except BaseException as failure:
                error = (str(failure) or type(failure).__name__).splitlines()[0]
                raise
            finally:
                graph.emit(StepFinished(step, f"{name} ready", time.monotonic() - begin, error=error))
            # From here on it is undone when the service stops, not when this block ends.
            running.stack = stack.pop_all()
            return running

    async def _offer(self, service: Service, ports: HostPorts) -> RunningService:
        """Ports of this machine: ready as soon as they are listened to."""
        stack = AsyncExitStack()
        relay = await HostRelay.open(self._graph.sandbox, ports)
        stack.push_async_callback(relay.stop, 0)
        return RunningService(service, self.hostname(service), relay, None, stack)

    async def _ready(self, running: RunningService, container: Running, output: Output) -> None:
        """Wait for readiness or the end of the process, whichever comes first, and no longer than the limit."""
        limit = float(os.environ.get("CI_ENGINE_SERVICE_SECONDS", READY_SECONDS))
        ready = asyncio.create_task(wait_until_ready(self._graph.sandbox, running.service, container))
        ended = asyncio.create_task(_exit_code(container))
        name = label(running.service.process.args)
        try:
            done, _ = await asyncio.wait({ready, ended}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.cancel()
            if not ready.done():
                ready.cancel()
        if ready in done:
            ready.result()
            return
        if ended in done:
            await output.finish()
            raise _ended_early(running, output, ended.result())
        wanted = (
            ", ".join(f"{port.port}/{port.protocol.lower()}" for port in running.service.ports) or "its health check"
        )
        raise ServiceError(f"service {name!r} was not ready after {limit:.0f} s (waited for {wanted}){_log(running)}")

    async def _watch(self, running: RunningService) -> None:
        """Forget a service that ended by itself, so that the next use starts it anew, and fail who needs it now."""
        code = await _exit_code(running.container)
        if self._running.get(running.service.digest) is not running:
            return
        del self._running[running.service.digest]
        reason = f": exit code: {code}" if code else ""
        end = self._ends[running.service.digest] = f"exited{reason}{_log(running)}"
        for dependence in tuple(running.needed_by):
            dependence.fail(running, end)
        await running.stack.aclose()

    async def _stop(self, running: RunningService, *, kill: bool) -> None:
        if self._running.get(running.service.digest) is running:
            del self._running[running.service.digest]
        if running.stopping is not None:
            running.stopping.cancel()
        if running.watching is not None:
            running.watching.cancel()
        await _end(running.container, 0 if kill else STOP_SECONDS)
        await running.stack.aclose()


async def _exit_code(container: Running | HostRelay) -> int:
    """The exit code of a service, whenever it ends. A program that cannot be started is one that failed."""
    try:
        return (await container.wait()).code
    except StartError:
        return CANNOT_START


async def _end(container: Running | HostRelay, seconds: float) -> None:
    """End a service, which may never have begun."""
    with contextlib.suppress(StartError):
        await container.stop(seconds)


def _ended_early(running: RunningService, output: Output, code: int) -> EngineError:
    """A service that failed is told as an execution that failed, with its output, as on Dagger."""
    args = running.service.process.args
    if code == 0:
        text = f"service {label(args)!r} exited before healthcheck{_log(running)}"
        return ExecError(text, args, NEVER_RAN, "", "")
    stdout, stderr = (tail(output.file(stream), MAX_ERROR_OUTPUT_BYTES) for stream in ("stdout", "stderr"))
    return ExecError(
        f"service {label(args)!r} ended before it was ready: exit code: {code}", args, code, stdout, stderr
    )


def _log(running: RunningService) -> str:
    log = running.log()
    return f"; its log ends:\n{log}" if log else "; it wrote no log"
