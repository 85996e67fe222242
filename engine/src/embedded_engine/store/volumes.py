"""Cache volumes: directories that executions share and that outlive them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Literal

from embedded_engine.store.errors import storage_errors
from embedded_engine.store.files import remove_tree
from embedded_engine.store.locks import Locks

Sharing = Literal["SHARED", "LOCKED", "PRIVATE"]
Fill = Callable[[Path], None]


class Volumes:
    """The cache volumes of a store, by key."""

    def __init__(self, root: Path, locks: Locks) -> None:
        self._root = root
        self._locks = locks

    def path(self, key: str, fill: Fill | None = None) -> Path:
        """The directory of a volume, made (mode 0755, owner 0:0, filled by `fill`) if it is new."""
        home = self.home(key)
        place = home / "data"
        with storage_errors("make a cache volume"):
            if not place.is_dir():
                with self._locks.lock_blocking(f"volume-made:{key}"):
                    if not place.is_dir():
                        self._make(home, key, fill)
            with contextlib.suppress(OSError):
                os.utime(home / "key", ns=(time.time_ns(), (home / "key").stat().st_mtime_ns))
        return place

    @contextlib.asynccontextmanager
    async def use(self, key: str, sharing: Sharing = "SHARED", fill: Fill | None = None) -> AsyncIterator[Path]:
        """A volume for the time of one execution: with others, alone, or a copy of one's own beside those in use."""
        if sharing == "PRIVATE":
            number = 0
            while (held := self._locks.try_lock(_lock(_nth(key, number)))) is None:
                number += 1
            try:
                yield self.path(_nth(key, number), fill)
            finally:
                self._locks.unlock(_lock(_nth(key, number)), held)
        else:
            async with self._locks.lock(_lock(key), shared=sharing == "SHARED"):
                yield self.path(key, fill)

    def home(self, key: str) -> Path:
        """Where a volume and its key are kept."""
        return self._root / hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()[:40]

    def _make(self, home: Path, key: str, fill: Fill | None) -> None:
        """Make a volume so that it is there whole or not at all."""
        beside = home.with_name(f".{home.name}")
        remove_tree(beside)
        beside.mkdir()
        (beside / "key").write_text(key, "utf-8", "surrogateescape")
        data = beside / "data"
        data.mkdir()
        data.chmod(0o755)
        if fill is not None:
            fill(data)
        remove_tree(home)
        beside.rename(home)


def _nth(key: str, number: int) -> str:
    return key if number == 0 else f"{key}\0{number}"


def _lock(key: str) -> str:
    return f"volume:{key}"
