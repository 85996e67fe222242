"""The child's side of `foreign`: loads the module and answers requests until the socket is closed.

It runs in the module's environment, which has the SDK and what that needs, and nothing else of the engine's.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import threading
import traceback
from pathlib import Path
from typing import Any

from embedded_engine.cli.errors import FunctionError, ModuleLoadError
from embedded_engine.cli.loading import LoadedModule, one_line, sdk_version
from embedded_engine.cli.module import ModuleSource
from embedded_engine.cli.sdk import import_sdk
from embedded_engine.errors import EngineError

_UNHEARD = 74
"""The exit code of a process whose answer cannot be sent (EX_IOERR)."""


def main(descriptor: int, described: str) -> None:
    """Serve the module that is described, on the socket with this number."""
    told = json.loads(described)
    root, place, context = (Path(told[each]) for each in ("root", "source", "context"))
    source = ModuleSource(told["name"], root, place, context, original_name=told["original_name"])
    code = _UNHEARD
    try:
        asyncio.run(_Child(socket.socket(fileno=descriptor), source).serve())
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    finally:
        os._exit(code)  # threads that the module left do not hold it


class _Stages:
    """Takes what spans say, in the place of the hub, and sends it on."""

    def __init__(self, child: _Child) -> None:
        self._child = child

    def start_stage(self, span: str, name: str) -> None:
        """A stage begins."""
        self._child.send({"stage": span, "name": name})

    def finish_stage(self, span: str, error: str | None = None, left_out: str | None = None) -> None:
        """A stage ends."""
        self._child.send({"ended": span, "error": error, "left_out": left_out})


class _Child:
    def __init__(self, connection: socket.socket, source: ModuleSource) -> None:
        connection.set_inheritable(False)
        self._socket = connection
        self._source = source
        self._sending = threading.Lock()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._module: LoadedModule | None = None

    async def serve(self) -> None:
        """Answer requests, until the thread that reads them ends the process."""
        loop = asyncio.get_running_loop()
        reader = threading.Thread(target=self._read, args=(loop,), daemon=True)
        reader.start()
        await loop.create_future()

    def send(self, message: dict[str, Any]) -> None:
        """Write a line; whole lines only, from whichever thread. A process that nobody hears ends."""
        data = json.dumps(message).encode() + b"\n"
        try:
            with self._sending:
                self._socket.sendall(data)
        except OSError:
            os._exit(_UNHEARD)

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        """A thread of its own, so that the parent's end is seen even while a function blocks the loop."""
        try:
            with self._socket.makefile("rb") as lines:
                for line in lines:
                    loop.call_soon_threadsafe(self._take, json.loads(line))
        finally:
            os._exit(0)

    def _take(self, request: dict[str, Any]) -> None:
        if "cancel" in request:
            if (running := self._tasks.get(request["cancel"])) is not None:
                running.cancel()
            return
        number = request["id"]
        self._tasks[number] = asyncio.create_task(self._answer(request))
        self._tasks[number].add_done_callback(lambda _: self._tasks.pop(number))

    async def _answer(self, request: dict[str, Any]) -> None:
        """Answer, whatever happens: the parent waits for it."""
        number = request["id"]
        try:
            self.send({"id": number, "result": await self._do(request)})
        except asyncio.CancelledError:
            self.send({"id": number, "error": _told(FunctionError("it was cancelled"))})
        except Exception as error:  # noqa: BLE001 - what is not foreseen is told, too
            if os.environ.get("CI_ENGINE_DEBUG"):
                traceback.print_exception(error.__cause__ or error)
            self.send({"id": number, "error": _told(error)})

    async def _do(self, request: dict[str, Any]) -> Any:
        if self._module is None:
            self._module = await self._load()
        if "register" in request:
            return await self._module.register()
        if "reconnect" in request:
            await self._module.reconnect()
        return await self._module.call(*request["call"]) if "call" in request else None

    async def _load(self) -> LoadedModule:
        try:
            import_sdk()
            from embedded_engine.progress.spans import install

            install(_Stages(self))
        except Exception as error:
            raise ModuleLoadError(
                f"the environment of the module {self._source.name} has no SDK that this engine can use "
                f"({sdk_version()}): {one_line(error)}"
            ) from error
        module = LoadedModule(self._source)
        await module.connect()
        return module


def _told(error: Exception) -> dict[str, Any]:
    if not isinstance(error, EngineError):
        error = ModuleLoadError(f"the module's process cannot answer: {one_line(error)}")
    return {
        "load": isinstance(error, ModuleLoadError),
        "message": str(error),
        "details": error.details if isinstance(error, FunctionError) else "",
        "exit_code": error.exit_code,
        "extensions": dict(error.extensions or {}),
    }
