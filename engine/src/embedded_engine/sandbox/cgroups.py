"""The session's control group, parent of all its containers', and the groups that a killed session left."""

from __future__ import annotations

import itertools
import os
import re
import time
from pathlib import Path

from embedded_engine.sandbox.supervisor.cgroups import hierarchies

_SESSION = re.compile(r"ci-engine-(?P<pid>\d+)-(?P<began>\d+)-\d+")
_numbers = itertools.count()
_PATIENCE = 2.0
"""Seconds; what is left then is removed by the next session."""


def new_session() -> str:
    """The name of a group for this session, as a path in every hierarchy. It says whose it is."""
    pid = os.getpid()
    return f"/ci-engine-{pid}-{_began(pid)}-{next(_numbers)}"


def remove_session(session: str) -> None:
    """Remove the session's groups. What ran in them has been killed; the kernel may need a moment for that."""
    deadline = time.monotonic() + _PATIENCE
    groups = [Path(hierarchy + session) for hierarchy in hierarchies()]
    while groups := [group for group in groups if not _remove(group)]:
        if time.monotonic() > deadline:
            return
        time.sleep(0.01)


def sweep() -> None:
    """Remove the groups of sessions whose process is gone. Groups in which something runs stay by themselves."""
    for hierarchy in hierarchies():
        for entry in os.scandir(hierarchy):
            match = _SESSION.fullmatch(entry.name)
            if match and _began(int(match["pid"])) != int(match["began"]):
                _remove(Path(entry.path))


def _remove(group: Path) -> bool:
    """Whether the group and those below it are gone."""
    try:
        for child in group.iterdir():
            if child.is_dir():
                _remove(child)
        group.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _began(pid: int) -> int:
    """When the process began, in the kernel's ticks since it started; 0 when there is none."""
    try:
        # The name of the program may hold spaces and brackets: count from the last one.
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except (OSError, IndexError, ValueError):
        return 0
