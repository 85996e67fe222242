"""Writes reach the disk behind the work, and what a crash of the machine may have torn is dropped, not trusted.

Nothing waits for the disk. A thread syncs the store's file system some time after a write and notes until when
everything is safe. When the store is opened for the first time after a boot, whatever is younger than that note is
removed: it may be whole, but nobody knows. Killed processes tear nothing, because everything appears by a rename.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from pathlib import Path
from typing import Any

from embedded_engine.store.files import remove_tree, sync_filesystem, write_atomically

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_PAUSE = 2.0  # seconds between a write and its sync, so that one sync serves many writes
_PLACES = ("layers/*", "results/*/*", "blobs/*/*", "hosts/*")


class Durability:
    """The sync of one store."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._note = root / "synced"
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None
        self._again = False
        self._closed = threading.Event()

    def written(self) -> None:
        """Something was written: sync it before long."""
        with self._guard:
            self._again = True
            if self._thread is None and not self._closed.is_set():
                self._thread = threading.Thread(target=self._run, name="store-sync", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Stop. What is not synced yet is the kernel's to write, and the next session's to note."""
        self._closed.set()

    def drop_unsynced(self) -> int:
        """After a boot, remove what may be torn; returns how many. Only while no other session has the store open."""
        boot = _boot_id()
        note = self._read()
        if note.get("boot") == boot:
            return 0
        dropped = 0
        if note:
            until = int(note.get("until", 0))
            for pattern in _PLACES:
                for place in self._root.glob(pattern):
                    if place.lstat().st_mtime_ns > until:
                        remove_tree(place)
                        dropped += 1
        self._write(boot, time.time_ns())
        return dropped

    def sync(self) -> None:
        """Sync now, and note it."""
        now = time.time_ns()
        sync_filesystem(self._root)
        self._write(_boot_id(), now)

    def _run(self) -> None:
        while not self._closed.wait(_PAUSE):
            with self._guard:
                if not self._again:
                    self._thread = None
                    return
                self._again = False
            with contextlib.suppress(OSError):
                self.sync()

    def _read(self) -> dict[str, Any]:
        try:
            note = json.loads(self._note.read_bytes())
        except (OSError, ValueError):
            return {}
        return note if isinstance(note, dict) else {}

    def _write(self, boot: str, until: int) -> None:
        write_atomically(self._note, json.dumps({"boot": boot, "until": until}).encode())


def _boot_id() -> str:
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""
