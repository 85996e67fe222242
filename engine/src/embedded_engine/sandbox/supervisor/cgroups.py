"""A container's control group: what it says about memory at the end, and its removal in every hierarchy."""

from __future__ import annotations

import errno
import os
import time

_ROOT = "/sys/fs/cgroup"


def hierarchies() -> list[str]:
    """Where control groups are mounted: one place (version 2), or one for each controller."""
    if os.path.exists(f"{_ROOT}/cgroup.controllers"):
        return [_ROOT]
    try:
        with os.scandir(_ROOT) as entries:
            return [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def oom_killed(group: str) -> bool:
    """Whether the kernel killed something in the group for want of memory."""
    for path, field in (
        (f"{_ROOT}/memory{group}/memory.oom_control", "oom_kill"),
        (f"{_ROOT}{group}/memory.events", "oom_kill"),
    ):
        try:
            with open(path) as file:
                for line in file:
                    name, _, count = line.partition(" ")
                    if name == field and int(count):
                        return True
        except OSError:
            continue
    return False


def remove(group: str) -> None:
    """Remove the group (not its parent) everywhere. Nothing runs in it any more, but the kernel may be a moment late."""
    for hierarchy in hierarchies():
        for attempt in range(10):
            try:
                os.rmdir(hierarchy + group)
            except OSError as error:
                if error.errno == errno.EBUSY:
                    time.sleep(0.001 * attempt)
                    continue
            break
