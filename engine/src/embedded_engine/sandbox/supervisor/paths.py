"""Paths inside a container's root, walked so that no symbolic link leads out of it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable

_MOST_LINKS = 40

Made = Callable[[int, str], None]
"""Told of everything that is about to be made: the directory it goes into (open) and its name."""


def open_inside(root: int, path: str) -> int:
    """Open (O_PATH) what `path` means in the root that is open as `root`. The caller closes it."""
    return _walk(root, path, None)


def open_or_make(root: int, path: str, *, directory: bool, making: Made, owner: tuple[int, int] = (0, 0)) -> int:
    """Like open_inside, and what is missing is made: directories (0755), at the end an empty file unless `directory`."""

    def make(parent: int, name: str, last: bool) -> None:
        making(parent, name)
        if directory or not last:
            os.mkdir(name, 0o755, dir_fd=parent)
            os.chown(name, *owner, dir_fd=parent, follow_symlinks=False)
        else:
            os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o644, dir_fd=parent))

    return _walk(root, path, make)


def _walk(root: int, path: str, make: Callable[[int, str, bool], None] | None) -> int:
    # `trail` holds the directories from the root down to where the walk stands, so that ".." never leaves the root.
    trail = [os.dup(root)]
    left = [part for part in path.split("/") if part not in ("", ".")][::-1]
    links = 0
    try:
        while left:
            name = left.pop()
            if name == "..":
                if len(trail) > 1:
                    os.close(trail.pop())
                continue
            try:
                found = _open(trail[-1], name)
            except FileNotFoundError:
                if make is None:
                    raise FileNotFoundError(2, "No such file or directory", path) from None
                make(trail[-1], name, not left)
                found = _open(trail[-1], name)
            if not stat.S_ISLNK(os.fstat(found).st_mode):
                trail.append(found)
                continue
            target = os.readlink("", dir_fd=found)
            os.close(found)
            links += 1
            if links > _MOST_LINKS:
                raise OSError(40, "Too many levels of symbolic links", path)
            if target.startswith("/"):
                while len(trail) > 1:
                    os.close(trail.pop())
            left += [part for part in target.split("/") if part not in ("", ".")][::-1]
        return trail.pop()
    finally:
        for descriptor in trail:
            os.close(descriptor)


def _open(directory: int, name: str) -> int:
    return os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
