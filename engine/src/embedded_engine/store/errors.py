"""What the store fails with: one line each, in the words that Dagger uses where it has words for it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from embedded_engine.errors import EngineError


class StoreError(EngineError):
    """The store cannot do what was asked: disk full, no permission, in use, damaged."""


class PathError(StoreError):
    """A path inside a tree that cannot be used as asked. Its text reads like `lstat /x: no such file or directory`."""

    def __init__(self, action: str, path: str, code: int, detail: str | None = None) -> None:
        super().__init__(f"{action} {_printable(path)}: {detail or os.strerror(code).lower()}")
        self.action = action
        self.path = path
        self.errno = code


class PathNotFoundError(PathError):
    """Nothing is at the path."""

    def __init__(self, path: str, action: str = "lstat") -> None:
        super().__init__(action, path, errno.ENOENT)


class PathNotDirectoryError(PathError):
    """The path, or a part of it that must be a directory, is none."""

    def __init__(self, path: str, action: str = "lstat") -> None:
        super().__init__(action, path, errno.ENOTDIR)


class PathIsDirectoryError(PathError):
    """The path is a directory where a file was wanted."""

    def __init__(self, path: str, action: str = "read") -> None:
        super().__init__(action, path, errno.EISDIR)


class PathExistsError(PathError):
    """Something is at the path already."""

    def __init__(self, path: str, action: str = "symlink") -> None:
        super().__init__(action, path, errno.EEXIST)


class LinkLoopError(PathError):
    """Symbolic links lead in a circle, or through more than 255 of them."""

    def __init__(self, path: str, action: str = "lstat") -> None:
        super().__init__(action, path, errno.ELOOP, "too many links")


@contextmanager
def storage_errors(action: str) -> Iterator[None]:
    """Turn what the operating system refuses into one line that says what to do. `action` completes "cannot ..."."""
    try:
        yield
    except OSError as error:
        raise StoreError(f"cannot {action}: {explain(error)}") from error


def explain(error: OSError) -> str:
    """The reason of an OSError, with the remedy where there is one."""
    name = error.filename2 or error.filename
    place = f" ({_printable(os.fsdecode(name))})" if isinstance(name, str | bytes | os.PathLike) else ""
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return f"no space left for the store{place}: free some, run `ci prune`, or set CI_ENGINE_STORE to a larger disk"
        case errno.EROFS:
            return f"the store is on a read-only file system{place}: set CI_ENGINE_STORE to a writable directory"
        case errno.EACCES | errno.EPERM:
            return f"no permission{place}: give this user the directory, or set CI_ENGINE_STORE to one of its own"
        case errno.EMFILE | errno.ENFILE:
            return "too many open files: raise the limit (ulimit -n)"
        case _:
            return f"{os.strerror(error.errno).lower() if error.errno else error}{place}"


def _printable(path: str) -> str:
    """A path on one line, whatever bytes are in it."""
    return path if path.isprintable() else ascii(path)[1:-1]
