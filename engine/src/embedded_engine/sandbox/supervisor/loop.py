"""One thread's loop: open files that become ready, children that end, work for when nothing else is to be done."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable, Mapping

READ = select.POLLIN
WRITE = select.POLLOUT

_DEFAULTED = [signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
"""What the interpreter or the engine's terminal may have set otherwise; a container starts with the defaults."""


class Loop:
    """Runs until stop(). As the first process of its pid namespace it also reaps what others leave behind."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._ready: dict[int, Callable[[], object]] = {}
        self._children: dict[int, Callable[[int], None]] = {}
        self._unclaimed: dict[int, int] = {}
        self._expecting = 0
        self._running = True
        self.when_idle: Callable[[], bool] | None = None
        wake, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        self._wake = wake
        self.watch(wake, READ, self._reap)

    def run(self) -> None:
        """Serve until stop()."""
        idle = True
        while self._running:
            events = self._poll.poll(0 if idle and self.when_idle else None)
            if not events:
                idle = self.when_idle is not None and self.when_idle()
                continue
            idle = True
            for descriptor, _event in events:
                callback = self._ready.get(descriptor)
                if callback is not None:
                    callback()

    def stop(self) -> None:
        """Let run() return."""
        self._running = False

    def watch(self, descriptor: int, events: int, callback: Callable[[], object]) -> None:
        """Call back whenever the file can be read or written."""
        self._ready[descriptor] = callback
        self._poll.register(descriptor, events)

    def unwatch(self, descriptor: int) -> None:
        """Forget the file, which is still open."""
        if self._ready.pop(descriptor, None) is not None:
            self._poll.unregister(descriptor)

    def spawn(self, args: list[str], files: Mapping[int, int], environment: Mapping[str, str]) -> int:
        """Start a program with `files` (its number: ours); nothing else is passed on. Its pid."""
        # An end of ours may have the number of one of the child's: move all of them out of the way first.
        high = max(files) + 1
        moved = {number: os.dup(mine) if mine < high else mine for number, mine in files.items()}
        try:
            return os.posix_spawn(
                args[0],
                args,
                environment,
                file_actions=[(os.POSIX_SPAWN_DUP2, mine, number) for number, mine in moved.items()],
                setsigdef=_DEFAULTED,
                setsigmask=[],
            )
        finally:
            for number, mine in moved.items():
                if mine != files[number]:
                    os.close(mine)

    def on_exit(self, pid: int, callback: Callable[[int], None]) -> None:
        """Call back with the wait status of a child, at once when it has ended already."""
        if pid in self._unclaimed:
            callback(self._unclaimed.pop(pid))
        else:
            self._children[pid] = callback

    def expect_orphans(self, change: int) -> None:
        """Between +1 and -1 a child of a child may become ours and end before its pid is known: keep its status."""
        self._expecting += change
        if not self._expecting:
            self._unclaimed.clear()

    def _reap(self) -> None:
        try:
            while os.read(self._wake, 4096):
                pass
        except BlockingIOError:
            pass
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            callback = self._children.pop(pid, None)
            if callback is not None:
                callback(status)
            elif self._expecting:
                self._unclaimed[pid] = status
