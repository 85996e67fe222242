"""Bytes from a container's pipes into files, and from a file into its standard input.

Containers write to pipes and not to the files themselves: a program that opens /dev/stdout must not truncate them.
"""

from __future__ import annotations

import os

from embedded_engine.sandbox.supervisor.loop import READ, WRITE, Loop

_CHUNK = 1 << 18
_LARGEST_PIPE = 1 << 20
_INIT_FAILURE = b"[FATAL tini ("
_MOST_HELD = 8192


class OutputPump:
    """From the pipe whose `writer` a program gets into an open file. Nothing is read before start().

    The file may be a pipe itself: while it is full nothing is read, and so the program waits. With `hold_init_failure`
    the line with which an init says that it cannot start its child is kept back for finish().
    """

    def __init__(self, loop: Loop, file: int, *, hold_init_failure: bool = False) -> None:
        self._loop = loop
        self._file = file
        self._reader, self.writer = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._reader, False)
        self._held: bytes | None = b"" if hold_init_failure else None
        self._rest = memoryview(b"")
        self.failure: str | None = None

    def start(self) -> None:
        """The program runs: pass on what it writes."""
        self._close_writer()
        self._loop.watch(self._reader, READ, self._pump)

    def finish(self, *, keep: bool = True) -> bytes:
        """The program ended: pass on what is left in the pipe (unless not `keep`); what was kept back."""
        self._close_writer()
        if self._reader < 0:
            return b""
        self._loop.unwatch(self._reader)
        self._loop.unwatch(self._file)
        os.set_blocking(self._file, True)
        if keep:
            self._flush()
            # What the program wrote fits in a pipe. More can come from others that it left behind: they are not waited for.
            for _ in range(_LARGEST_PIPE // _CHUNK + 1):
                if not self._take():
                    break
        held, self._held = self._held or b"", None
        os.close(self._reader)
        self._reader = -1
        return held

    def unread(self) -> bytes:
        """What is in the pipe although the program never ran: its runtime wrote that."""
        self._close_writer()
        try:
            return os.read(self._reader, _CHUNK)
        except BlockingIOError:
            return b""

    def write(self, data: bytes) -> None:
        """Append to the file. When the disk is full the rest is lost and `failure` says so."""
        self._rest = memoryview(data)
        self._flush()

    def close_file(self) -> None:
        """Close the file; nothing can be written any more."""
        os.close(self._file)

    def _close_writer(self) -> None:
        if self.writer >= 0:
            os.close(self.writer)
            self.writer = -1

    def _pump(self) -> None:
        if not self._take():
            self._loop.unwatch(self._reader)
        elif self._rest:
            self._loop.unwatch(self._reader)
            self._loop.watch(self._file, WRITE, self._resume)

    def _resume(self) -> None:
        self._flush()
        if not self._rest:
            self._loop.unwatch(self._file)
            self._loop.watch(self._reader, READ, self._pump)

    def _take(self) -> bool:
        """Read once and write; whether there may be more."""
        try:
            data = os.read(self._reader, _CHUNK)
        except BlockingIOError:
            return False
        if not data:
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

    def _flush(self) -> None:
        try:
            while self._rest:
                self._rest = self._rest[os.write(self._file, self._rest) :]
        except BlockingIOError:
            return
        except OSError as error:
            self.failure = error.strerror
            self._rest = memoryview(b"")


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
