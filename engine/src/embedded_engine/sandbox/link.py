"""The engine's end of the socket to its supervisor: starts it, sends requests, hands answers to whoever waits."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections import deque
from pathlib import Path
from typing import BinaryIO

from embedded_engine.sandbox.errors import SandboxError
from embedded_engine.sandbox.programs import SYSTEM_PATH, program
from embedded_engine.sandbox.supervisor.frames import Decoder, Message, pack, receive, send_start

_ENDING_SECONDS = 1.0
_PACKAGE = Path(__file__).resolve().parent
# The packages around the supervisor load half of the standard library: it gets empty ones with their paths.
_BOOT = f"""
import sys
for name, path in (("embedded_engine", {str(_PACKAGE.parent)!r}), ("embedded_engine.sandbox", {str(_PACKAGE)!r})):
    module = type(sys)(name)
    module.__path__ = [path]
    sys.modules[name] = module
from embedded_engine.sandbox.supervisor.main import main
main(int(sys.argv[1]), *sys.argv[2:])
"""
_LAUNCHER = (
    "setpriv", "--pdeathsig", "KILL",
    "unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc", "--propagation", "private",
)  # fmt: skip


class Call:
    """A request under way. `started` is for programs only; both fail when the supervisor dies."""

    def __init__(self, loop: asyncio.AbstractEventLoop, number: int) -> None:
        self.number = number
        self.started: asyncio.Future[Message] = loop.create_future()
        self.done: asyncio.Future[tuple[Message, list[int]]] = loop.create_future()

    def answer(self, message: Message, files: list[int]) -> None:
        """Take an answer in."""
        if not self.started.done():
            self.started.set_result(message)
        if "started" not in message and not self.done.done():
            self.done.set_result((message, files))

    def fail(self, error: SandboxError) -> None:
        """There will be no answer."""
        for future in (self.started, self.done):
            if not future.done():
                future.set_exception(error)
                future.exception()  # Nobody need be waiting for it.


class Link:
    """One supervisor process. All methods belong to the loop in which it was started."""

    def __init__(self, directory: Path) -> None:
        """Start a supervisor that mounts its own memory at `directory`."""
        self._loop = asyncio.get_running_loop()
        self._decoder = Decoder()
        self._calls: dict[int, Call] = {}
        self._numbers = 0
        self._unsent: deque[tuple[memoryview, list[int]]] = deque()
        self.outside: asyncio.Future[bool] = self._loop.create_future()
        self.alive = True
        self._errors: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the link)
        self._socket, other = socket.socketpair()
        slirp = program("slirp4netns") or ""
        command = (*_LAUNCHER, sys.executable, "-I", "-S", "-c", _BOOT, str(other.fileno()), str(directory), slirp)
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                pass_fds=(other.fileno(),),
                env={"PATH": SYSTEM_PATH},
                # Ctrl-C in the terminal is for the engine, which ends its containers itself.
                start_new_session=True,
            )
        except OSError as error:
            self._socket.close()
            raise SandboxError(f"the sandbox needs `setpriv` and `unshare` of util-linux: {error}") from error
        finally:
            other.close()
        self._socket.setblocking(False)
        self._loop.add_reader(self._socket, self._read)

    @property
    def pid(self) -> int:
        """The launcher's process id: its child is the supervisor."""
        return self._process.pid

    def call(self, message: Message, files: list[int] | None = None) -> Call:
        """Send a request; its `files` are closed when they are on their way."""
        self._numbers += 1
        call = Call(self._loop, self._numbers)
        files = files or []
        if not self.alive:
            _close(files)
            call.fail(SandboxError("the sandbox is closed"))
            return call
        self._calls[call.number] = call
        self._unsent.append((memoryview(pack({**message, "id": call.number}, len(files))), files))
        if len(self._unsent) == 1:
            self._write()
        return call

    def tell(self, message: Message) -> None:
        """Send a request that has no answer."""
        if self.alive:
            self._unsent.append((memoryview(pack(message)), []))
            if len(self._unsent) == 1:
                self._write()

    async def close(self) -> None:
        """End the supervisor, and with it everything that it runs; return when the kernel has cleaned up."""
        self._end("the sandbox is closed")
        await asyncio.to_thread(self._process.wait)
        self._errors.close()

    def _end(self, reason: str) -> None:
        if not self.alive:
            return
        self.alive = False
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._socket.close()
        while self._unsent:
            _close(self._unsent.popleft()[1])
        calls, self._calls = self._calls, {}
        error = SandboxError(reason)
        for call in calls.values():
            call.fail(error)
        if not self.outside.done():
            self.outside.set_exception(error)
            self.outside.exception()

    def _write(self) -> None:
        while self._unsent:
            data, files = self._unsent[0]
            try:
                sent = send_start(self._socket, data, files)
            except BlockingIOError:
                self._loop.add_writer(self._socket, self._write)
                return
            except OSError:
                self._end(self._last_words())
                return
            _close(files)
            if sent < len(data):
                self._unsent[0] = (data[sent:], [])
            else:
                self._unsent.popleft()
        self._loop.remove_writer(self._socket)

    def _read(self) -> None:
        try:
            data, files = receive(self._socket)
        except BlockingIOError:
            return
        except OSError:
            data, files = b"", []
        if not data:
            self._end(self._last_words())
            return
        for message, own in self._decoder.feed(data, files):
            call = self._calls.get(message.get("to", 0))
            if call is not None:
                call.answer(message, own)
                if "started" not in message:
                    del self._calls[call.number]
                continue
            _close(own)
            if "outside" in message and not self.outside.done():
                self.outside.set_result(message["outside"])

    def _last_words(self) -> str:
        # Only the last line: what is above it is for whoever debugs the supervisor.
        os.lseek(self._errors.fileno(), 0, os.SEEK_SET)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return f"the sandbox's supervisor ended: {lines[-1] if lines else self._ending()}"

    def _ending(self) -> str:
        """How a supervisor ended that said nothing. It has hung up, so that its end is a matter of milliseconds."""
        try:
            code = self._process.wait(_ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            return "it has hung up"
        return f"it was killed by {signal.Signals(-code).name}" if code < 0 else f"exit code: {code}"


def _close(files: list[int]) -> None:
    for descriptor in files:
        os.close(descriptor)
