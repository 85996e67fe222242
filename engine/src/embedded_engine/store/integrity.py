"""What a crash of the machine may have torn is found out when it is next used, so that no write waits for the disk.

Everything in the store appears by a rename, so a killed process tears nothing. A crash or a power cut can: names are
kept in order by the journal of the file system, but of a young file the content may be missing, and then its length
is wrong. Results and indexes carry checksums, blobs are named by theirs. A layer carries a summary, the number and
length of its files. What was written before this boot and not looked at since is held to it once.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path

from embedded_engine.store.files import write_atomically

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_SEEN_NS = 1_000_000_000  # the modification time of what has been looked at: one second after 1970


class Integrity:
    """Tells what may be trusted by its age: whatever this boot wrote, and whatever was looked at before."""

    def __init__(self, since_ns: int) -> None:
        self._since_ns = since_ns

    def trusts(self, status: os.stat_result) -> bool:
        """Whether a file with this status cannot have been torn, or was found whole."""
        return status.st_mtime_ns >= self._since_ns or status.st_mtime_ns == _SEEN_NS

    def found_whole(self, path: Path) -> None:
        """Remember that a file was held to its checksum."""
        with contextlib.suppress(OSError):
            os.utime(path, ns=(time.time_ns(), _SEEN_NS))


def first_open_of_boot(root: Path) -> Integrity:
    """The integrity of a store; notes the first time that it is opened in this boot. The caller holds a lock."""
    note = root / "boot"
    boot = _boot_id()
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        known = json.loads(note.read_bytes())
        if known["boot"] == boot:
            return Integrity(int(known["since_ns"]))
    since_ns = time.time_ns()
    write_atomically(note, json.dumps({"boot": boot, "since_ns": since_ns}).encode())
    return Integrity(since_ns)


def summary_of(directory: Path) -> str:
    """How many entries a directory has, at any depth, and how long its files are together."""
    entries = length = 0
    pending = [os.fspath(directory)]
    while pending:
        with os.scandir(pending.pop()) as scan:
            for entry in scan:
                entries += 1
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                elif entry.is_file(follow_symlinks=False):
                    length += entry.stat(follow_symlinks=False).st_size
    return f"{entries} {length}"


def _boot_id() -> str:
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""
