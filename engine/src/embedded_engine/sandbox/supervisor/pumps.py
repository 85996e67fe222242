"""Bytes from a container's pipes into files, and from a file into its standard input.

Containers write to pipes and not to the files themselves: a program that opens /dev/stdout must not truncate them.
"""

from __future__ import annotations

import os

from embedded_engine.sandbox.supervisor.loop import READ, WRITE, Loop

_CHUNK = 1 << 18
_INIT_FAILURE = b"[FATAL tini ("
_MOST_HELD = 8192


class OutputPump:
    """From the pipe whose `writer` a program gets into an open file. Nothing is read before start()."""

    def __init__(self, loop: Loop, file: int, *, hold_init_failure: bool = False) -> None:
        self._loop = loop
        self._file = file
        self._reader, self.writer = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._reader, False)
        self._held: bytes | None = b"" if hold_init_failure else None
        self.failure: str | None = None

    def start(self) -> None:
        """The program runs: pass on what it writes."""
        self.close_writer()
        self._loop.watch(self._reader, READ, self._pump)

    def close_writer(self) -> None:
        """Close our copy of the end that the program has."""
        if self.writer >= 0:
            os.close(self.writer)
            self.writer = -1

    def finish(self, *, keep: bool = True) -> bytes:
        """The program ended: pass on what is left in the pipe (unless not `keep`) and close everything.

        What is returned was written and held back: the line with which an init says that it could not start its child.
        """
        self.close_writer()
        if self._reader < 0:
            return b""
        if keep:
            while self._pump():
                pass
        held, self._held = self._held or b"", None
        self._loop.unwatch(self._reader)
        os.close(self._reader)
        self._reader = -1
        return held

    def write(self, data: bytes) -> None:
        """Append to the file. When the disk is full the rest is lost and `failure` says so."""
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._file, view) :]
        except OSError as error:
            self.failure = error.strerror

    def close_file(self) -> None:
        """Close the file; nothing can be written any more."""
        os.close(self._file)

    def _pump(self) -> bool:
        try:
            data = os.read(self._reader, _CHUNK)
        except BlockingIOError:
            return False
        if not data:
            self._loop.unwatch(self._reader)
            return False
        if self._held is not None:
            data = self._held + data
            same = min(len(data), len(_INIT_FAILURE))
            if data[:same] == _INIT_FAILURE[:same] and len(data) < _MOST_HELD:
                self._held = data
                return True
            self._held = None
        self.write(data)
        return True


class InputPump:
    """From an open file into the pipe whose `reader` a program gets."""

    def __init__(self, loop: Loop, file: int) -> None:
        self._loop = loop
        self._file = file
        self.reader, self._writer = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._writer, False)
        self._rest = b""

    def start(self) -> None:
        """The program runs: feed it."""
        self._close_reader()
        self._loop.watch(self._writer, WRITE, self._pump)

    def finish(self) -> None:
        """The program ended or has everything."""
        self._close_reader()
        if self._writer >= 0:
            self._loop.unwatch(self._writer)
            os.close(self._writer)
            os.close(self._file)
            self._writer = -1

    def _close_reader(self) -> None:
        if self.reader >= 0:
            os.close(self.reader)
            self.reader = -1

    def _pump(self) -> None:
        try:
            if not self._rest:
                self._rest = os.read(self._file, _CHUNK)
            if not self._rest:
                self.finish()
                return
            self._rest = self._rest[os.write(self._writer, self._rest) :]
        except BlockingIOError:
            return
        except OSError:
            # The program does not read its input, or the input cannot be read: for the program it ends here.
            self.finish()
