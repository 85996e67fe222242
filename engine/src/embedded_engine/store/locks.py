"""Locks between processes (and tasks), by name: one file each, locked with flock, gone when nobody holds it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import hashlib
import os
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from embedded_engine.store.errors import storage_errors

_FIRST_PAUSE = 0.002
_LONGEST_PAUSE = 0.05


class Locks:
    """The locks of one store."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @contextlib.asynccontextmanager
    async def lock(self, name: str, *, shared: bool = False) -> AsyncIterator[None]:
        """Hold the lock `name`; wait for whoever has it, without blocking the loop. Cancelling stops the wait."""
        pause = _FIRST_PAUSE
        while (descriptor := self.try_lock(name, shared=shared)) is None:
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)
        try:
            yield
        finally:
            self.unlock(name, descriptor)

    @contextlib.contextmanager
    def lock_blocking(self, name: str, *, shared: bool = False) -> Iterator[None]:
        """The same for code that runs in a thread."""
        pause = _FIRST_PAUSE
        while (descriptor := self.try_lock(name, shared=shared)) is None:
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)
        try:
            yield
        finally:
            self.unlock(name, descriptor)

    def try_lock(self, name: str, *, shared: bool = False) -> int | None:
        """Take the lock if it is free: a descriptor to give to `unlock`, else None."""
        path = self._path(name)
        while True:
            with storage_errors("lock the store"):
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            except OSError as error:
                os.close(descriptor)
                if error.errno in (errno.EWOULDBLOCK, errno.EINTR):
                    return None
                raise
            if _is_at(descriptor, path):
                return descriptor
            # Its last holder removed the file between our open and our lock: what we hold is nobody's lock.
            os.close(descriptor)

    def unlock(self, name: str, descriptor: int) -> None:
        """Give a lock back. The file goes away unless others share it."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._path(name).unlink(missing_ok=True)
        except OSError:
            pass
        finally:
            os.close(descriptor)

    def _path(self, name: str) -> Path:
        return self._root / hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:40]


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
