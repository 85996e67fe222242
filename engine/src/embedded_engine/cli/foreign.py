"""A module in a child process with an environment of its own, spoken to in lines of JSON over a socket.

Requests are `{"id", "register"}`, `{"id", "call": [object, state, function, inputs]}` and `{"cancel": id}`; the child
answers `{"id", "result"}` or `{"id", "error"}`, and tells of stages by `{"stage": span, "name"}` and
`{"ended": span, "error"}`. Closing the socket ends the child.
"""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import itertools
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import embedded_engine
from embedded_engine.api import definitions
from embedded_engine.binding import ServedModule
from embedded_engine.cli.errors import FunctionError, ModuleLoadError
from embedded_engine.cli.module import ModuleSource
from embedded_engine.cli.runtime import client_place, registered
from embedded_engine.errors import EngineError
from embedded_engine.progress import Hub
from embedded_engine.session import Session

# The engine's own package is reachable in the child by its place; nothing else of this environment is. What keeps even
# that from being loaded (a Python too old for it) is the answer to the first request.
_START = """
import json, os, sys
from importlib.util import module_from_spec, spec_from_file_location
place = sys.argv[1]
spec = spec_from_file_location("embedded_engine", f"{place}/__init__.py", submodule_search_locations=[place])
sys.modules["embedded_engine"] = package = module_from_spec(spec)
try:
    spec.loader.exec_module(package)
    from embedded_engine.cli.child import main
except Exception as error:
    message = "the engine needs Python 3.11 or later in the module's environment, which has %d.%d: %s" % (
        *sys.version_info[:2], error)
    answer = {"id": 1, "error": {"load": True, "message": message, "details": "", "exit_code": 1}}
    os.write(int(sys.argv[2]), json.dumps(answer).encode() + b"\\n")
    sys.exit(1)
main(int(sys.argv[2]), sys.argv[3])
"""
_LINE_BYTES = 1 << 30
_PATIENCE = 3.0
"""Seconds that a child has to end by itself, once it is told."""
_GRACE = 1.0
"""Seconds for what a child has said when it ended, and for its end when it has hung up."""


class InChild:
    """Runs a module whose dependencies are in an environment of their own."""

    def __init__(
        self,
        source: ModuleSource,
        session: Session,
        hub: Hub,
        process: asyncio.subprocess.Process,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        passing_on: asyncio.Task[None],
    ) -> None:
        self._name = source.name
        self._session = session
        self._hub = hub
        self._process = process
        self._answers, self._requests = streams
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._crash: EngineError | None = None
        self._tasks = [passing_on, asyncio.create_task(self._attend())]

    @classmethod
    async def start(
        cls, source: ModuleSource, served: ServedModule, python: Path, session: Session, hub: Hub, prints: TextIO
    ) -> InChild:
        """Start the child and load the module in it. Raises ModuleLoadError when that fails."""
        here, there = socket.socketpair()
        # A pipe of our own: asyncio's would make the child's end wait for everybody who has inherited it.
        reading, writing = os.pipe()
        described = {
            name: str(getattr(source, name)) for name in ("name", "root", "source", "context", "original_name")
        }
        package = Path(embedded_engine.__file__).parent
        # Programs that the module starts find its package, which Dagger would have installed, and its client.
        packages = source.source / "src"
        paths = [client_place(served, session.engine.store)] if served.client else []
        paths.append(packages if packages.is_dir() else source.source)
        passing_on = asyncio.create_task(_pass_on(reading, prints))
        with there, os.fdopen(writing, "wb", 0) as written:
            process = await asyncio.create_subprocess_exec(
                str(python),
                *("-P", "-c", _START, str(package), str(there.fileno()), json.dumps(described)),
                env=_environment(source, session.environment_of(served), python, paths),
                pass_fds=[there.fileno()],
                stdin=asyncio.subprocess.DEVNULL,
                stdout=written,
                stderr=written,
                start_new_session=True,  # Ctrl-C is this process's to handle; the child is told to end
            )
        streams = await asyncio.open_connection(sock=here, limit=_LINE_BYTES)
        child = cls(source, session, hub, process, streams, passing_on)
        try:
            await child._ask(load=True)
        except BaseException:
            await child.close()
            raise
        return child

    async def definitions(self) -> definitions.Module:
        """Let the module register with the session, and read what it registered."""
        return registered(self._session, await self._ask(register=True))

    async def reconnect(self) -> None:
        """Let the child read the session's schema anew."""
        await self._ask(reconnect=True)

    async def call(
        self, object_name: str, state: Mapping[str, Any], function_name: str, inputs: Mapping[str, Any]
    ) -> Any:
        """Call a function in the child."""
        return await self._ask(call=[object_name, state, function_name, inputs])

    async def close(self) -> None:
        """Tell the child to end, and see to it that it has, with everything that it started."""
        self._requests.close()
        try:
            await asyncio.wait_for(self._process.wait(), _PATIENCE)
        except (TimeoutError, asyncio.CancelledError):
            self._kill()
            await self._process.wait()
        self._kill()  # what the module started and left behind
        _, late = await asyncio.wait(self._tasks, timeout=_GRACE)
        for task in late:  # somebody who left the child's process group holds its end
            task.cancel()

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def _ask(self, **request: Any) -> Any:
        if self._crash is not None:
            raise self._crash
        number = next(self._ids)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            self._send({"id": number, **request})
            return await answer
        except asyncio.CancelledError:
            self._send({"cancel": number})
            raise
        finally:
            del self._waiting[number]

    def _send(self, message: Mapping[str, Any]) -> None:
        self._requests.write(json.dumps(message).encode() + b"\n")

    async def _attend(self) -> None:
        """Take answers until the child has ended; from then on nothing is waited for."""
        listening = asyncio.create_task(self._listen())
        ending = asyncio.create_task(self._process.wait())
        await asyncio.wait((listening, ending), return_when=asyncio.FIRST_COMPLETED)
        # What it said last may still be on its way; or it has closed its end, and ends only now, or never.
        await asyncio.wait((listening, ending), timeout=_GRACE)
        listening.cancel()
        self._kill()
        self._crash = FunctionError(
            f"the process of the module {self._name} ended unexpectedly: {_ending(await ending)}"
        )
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(self._crash)

    async def _listen(self) -> None:
        with contextlib.suppress(OSError, ValueError, KeyError):
            while line := await self._answers.readline():
                self._take(json.loads(line))

    def _take(self, message: dict[str, Any]) -> None:
        if "stage" in message:
            self._hub.start_stage(message["stage"], message["name"])
        elif "ended" in message:
            self._hub.finish_stage(message["ended"], message["error"], message["left_out"])
        elif (answer := self._waiting.get(message["id"])) is None or answer.done():
            return
        elif (error := message.get("error")) is None:
            answer.set_result(message["result"])
        else:
            answer.set_exception(_error(error))


async def _pass_on(descriptor: int, prints: TextIO) -> None:
    """What the child writes, shown as it comes."""
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", 0)
    )
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    try:
        while data := await reader.read(1 << 16):
            prints.write(decoder.decode(data))
            prints.flush()
    finally:
        transport.close()


def _environment(
    source: ModuleSource, session: Mapping[str, str], python: Path, paths: Sequence[Path]
) -> dict[str, str]:
    dropped = ("PYTHONHOME", "PYTHONDONTWRITEBYTECODE")
    variables = {name: value for name, value in os.environ.items() if name not in dropped}
    if sys.pycache_prefix is not None:
        variables["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix
    variables |= {"VIRTUAL_ENV": str(python.parent.parent), "PYTHONUNBUFFERED": "1"}
    variables["PYTHONPATH"] = os.pathsep.join(map(str, paths))
    variables["PATH"] = f"{python.parent}{os.pathsep}{variables.get('PATH', os.defpath)}"
    return {**variables, **source.environment(), **session}


def _error(told: dict[str, Any]) -> EngineError:
    if told["load"]:
        return ModuleLoadError(told["message"])
    return FunctionError(
        told["message"], details=told["details"], exit_code=told["exit_code"], extensions=told["extensions"]
    )


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
