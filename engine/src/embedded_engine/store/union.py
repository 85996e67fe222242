"""A read-only view of a stack of layers, as overlayfs would show it. The only place that reads whiteouts.

Paths are inside the root of the stack: `/a/b`, `a/b` and `a/./b` are the same. `..` is taken away from the words of
a path before links are followed, as Dagger does; inside link targets it goes up from where the link led.
Symbolic links never lead out of the root.
"""

from __future__ import annotations

import enum
import errno
import os
import stat
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeVar

from embedded_engine.store.errors import (
    LinkLoopError,
    PathError,
    PathIsDirectoryError,
    PathNotDirectoryError,
    PathNotFoundError,
)
from embedded_engine.store.files import is_opaque, is_whiteout

_MOST_LINKS = 255


class Kind(enum.StrEnum):
    """What a path is."""

    FILE = "file"
    DIRECTORY = "dir"
    SYMLINK = "symlink"
    FIFO = "fifo"
    DEVICE = "device"
    SOCKET = "socket"


_KINDS = {
    stat.S_IFREG: Kind.FILE,
    stat.S_IFDIR: Kind.DIRECTORY,
    stat.S_IFLNK: Kind.SYMLINK,
    stat.S_IFIFO: Kind.FIFO,
    stat.S_IFCHR: Kind.DEVICE,
    stat.S_IFBLK: Kind.DEVICE,
    stat.S_IFSOCK: Kind.SOCKET,
}


class Node(NamedTuple):
    """One entry of a tree and where it really is on disk."""

    kind: Kind
    location: str
    status: os.stat_result

    @property
    def real(self) -> Path:
        """The path on disk. Never write to it: layers do not change."""
        return Path(self.location)

    @property
    def mode(self) -> int:
        """Permission bits, with setuid, setgid and sticky."""
        return stat.S_IMODE(self.status.st_mode)

    @property
    def uid(self) -> int:
        return self.status.st_uid

    @property
    def gid(self) -> int:
        return self.status.st_gid

    @property
    def size(self) -> int:
        """Length in bytes of a file's content."""
        return self.status.st_size

    @property
    def mtime_ns(self) -> int:
        return self.status.st_mtime_ns

    @property
    def target(self) -> str:
        """Where a symbolic link leads, as written in it."""
        return os.readlink(self.location)

    @property
    def is_dir(self) -> bool:
        return self.kind is Kind.DIRECTORY


_LONGEST_NAME = 255  # bytes, on every file system of Linux
_EMPTY_STATUS = os.stat_result((stat.S_IFDIR | 0o755, *([0] * 9)), {"st_mtime_ns": 0, "st_rdev": 0})
_EMPTY_ROOT = Node(Kind.DIRECTORY, "", _EMPTY_STATUS)


def clean(path: str) -> str:
    """The one spelling of a path: absolute, no empty or dot words, the root is the empty string.

    >>> clean("a/./b/../c//"), clean("/../x"), clean("."), clean("/")
    ('/a/c', '/x', '', '')
    """
    if len(path) > _LONGEST_NAME or "\0" in path or not path.isascii():
        _refuse_impossible(path)
    words: list[str] = []
    for word in path.split("/"):
        if word == "..":
            if words:
                words.pop()
        elif word and word != ".":
            words.append(word)
    return "".join(f"/{word}" for word in words)


def _refuse_impossible(path: str) -> None:
    """Raise `PathError` for what no file system can hold: it would fail at the disk, in words of the disk."""
    if "\0" in path:
        raise PathError("lstat", path, errno.EINVAL)
    try:
        names = os.fsencode(path).split(b"/")
    except UnicodeEncodeError:
        raise PathError("lstat", path, errno.EINVAL, "not a text that a path can be") from None
    if any(len(name) > _LONGEST_NAME for name in names):
        raise PathError("lstat", path, errno.ENAMETOOLONG)


def node_at(location: str, status: os.stat_result) -> Node:
    """The node of a path on disk, whose `lstat` is known."""
    return Node(_KINDS[stat.S_IFMT(status.st_mode)], location, status)


EntryT = TypeVar("EntryT")


def follow_links(
    path: str,
    lookup: Callable[[str], EntryT | None],
    target_of: Callable[[EntryT], str | None],
    *,
    follow: bool = True,
) -> str:
    """`path` with its links followed, in the spelling of `clean`. What is missing stays as it is.

    `lookup` gives what is at a path without links, `target_of` where that leads if it is one. With `follow` off, the
    last word is not followed. Raises `LinkLoopError`.
    """
    left = deque(clean(path).split("/")[1:])
    current = ""
    links = 0
    while left:
        name = left.popleft()
        if name in ("", "."):
            continue
        if name == "..":
            current = current.rpartition("/")[0]
            continue
        place = f"{current}/{name}"
        if not left and not follow:
            return place
        entry = lookup(place)
        target = target_of(entry) if entry is not None else None
        if target is None:
            current = place
            continue
        links += 1
        if links > _MOST_LINKS:
            raise LinkLoopError(path)
        left.extendleft(reversed(target.split("/")))
        if target.startswith("/"):
            current = ""
    return current


def _link_target(node: Node) -> str | None:
    return node.target if node.kind is Kind.SYMLINK else None


class Union:
    """The merged view of directories on disk, the bottom one first, each in the format of an overlayfs layer."""

    def __init__(self, paths: Sequence[Path | str], rootless: bool = False) -> None:
        self.paths = tuple(os.fspath(path) for path in paths)
        self.rootless = rootless
        # The directories on disk that make up a directory of the view, topmost first. Layers do not change.
        self._stacks: dict[str, tuple[str, ...]] = {"": tuple(reversed(self.paths))}

    def stat(self, path: str, follow: bool = True, *, action: str = "lstat") -> Node:
        """What is at `path`, through symbolic links unless not to `follow` the last one."""
        canonical = self.resolve(path, follow)
        node = self.lookup(canonical)
        if node is None:
            raise self._missing(path, canonical, action)
        return node

    def exists(self, path: str, follow: bool = True) -> bool:
        """Whether something is at `path`. A dangling link is nothing when followed."""
        return self.lookup(self.resolve(path, follow)) is not None

    def resolve(self, path: str, follow: bool = True) -> str:
        """`path` with its symbolic links followed, as an absolute path without any; `/` for the root.

        What does not exist stays as it is, so that the answer tells where a new file would be. With `follow` off,
        the last word is not followed.
        """
        return self._canonical(path, follow) or "/"

    def list(self, path: str = "/") -> dict[str, Node]:
        """The entries of a directory by name, sorted."""
        node = self.stat(path, action="open")
        if not node.is_dir:
            raise PathNotDirectoryError(path, "open")
        return self.entries(self._canonical(path, True))

    def walk(self, path: str = "/", enters: Callable[[str], bool] | None = None) -> Iterator[tuple[str, Node]]:
        """Everything below a directory, in the order of names, what is in a directory right after it.

        Gives paths relative to the directory, with their nodes. A directory is read only if it `enters` its path.
        """
        node = self.stat(path, action="open")
        if not node.is_dir:
            raise PathNotDirectoryError(path, "open")
        top = self._canonical(path, True)
        stack = [("", top, iter(self.entries(top).items()))]
        while stack:
            relative, canonical, left = stack[-1]
            for name, entry in left:
                place = f"{relative}/{name}" if relative else name
                yield place, entry
                if entry.kind is Kind.DIRECTORY and (enters is None or enters(place)):
                    below = f"{canonical}/{name}"
                    stack.append((place, below, iter(self.entries(below).items())))
                    break
            else:
                stack.pop()

    def open(self, path: str) -> BinaryIO:
        """A regular file for reading."""
        node = self.stat(path, action="open")
        if node.is_dir:
            raise PathIsDirectoryError(path)
        if node.kind is not Kind.FILE:
            raise PathError("open", path, errno.EINVAL, "not a regular file")
        return open(node.location, "rb")

    def read(self, path: str, limit: int | None = None) -> bytes:
        """The content of a file. `limit` is the most bytes it may have."""
        with self.open(path) as file:
            if limit is None:
                return file.read()
            content = file.read(limit + 1)
        if len(content) > limit:
            raise PathError("read", path, errno.EFBIG, f"larger than {limit} bytes")
        return content

    def lookup(self, canonical: str) -> Node | None:
        """What is at a path that `resolve` gave, the last word not followed; None if nothing is."""
        if canonical in ("", "/"):
            return self._root()
        parent, _, name = canonical.rpartition("/")
        for directory in self._stack(parent):
            location = f"{directory}/{name}"
            try:
                status = os.lstat(location)
            except (FileNotFoundError, NotADirectoryError):
                continue
            return None if is_whiteout(status) else node_at(location, status)
        return None

    def entries(self, canonical: str) -> dict[str, Node]:
        """The entries of the directory at a path that `resolve` gave, by name, sorted; empty if it is none."""
        found: dict[str, Node | None] = {}
        for directory in self._stack("" if canonical == "/" else canonical):
            with os.scandir(directory) as scan:
                for entry in scan:
                    if entry.name not in found:
                        status = entry.stat(follow_symlinks=False)
                        found[entry.name] = None if is_whiteout(status) else node_at(entry.path, status)
        return {name: node for name in sorted(found) if (node := found[name]) is not None}

    def _root(self) -> Node:
        if not self.paths:
            return _EMPTY_ROOT
        return node_at(self.paths[-1], os.lstat(self.paths[-1]))

    def _stack(self, canonical: str) -> tuple[str, ...]:
        """The directories on disk that are merged at a path, topmost first; none if no directory is there."""
        known = self._stacks.get(canonical)
        if known is not None:
            return known
        parent, _, name = canonical.rpartition("/")
        above = self._stack(parent)
        found: list[str] = []
        for index, directory in enumerate(above):
            location = f"{directory}/{name}"
            try:
                status = os.lstat(location)
            except (FileNotFoundError, NotADirectoryError):
                continue
            if not stat.S_ISDIR(status.st_mode):
                break
            found.append(location)
            if index + 1 < len(above) and is_opaque(location, rootless=self.rootless):
                break
        self._stacks[canonical] = tuple(found)
        return self._stacks[canonical]

    def _canonical(self, path: str, follow: bool) -> str:
        return follow_links(path, self.lookup, _link_target, follow=follow)

    def _missing(self, path: str, canonical: str, action: str) -> PathError:
        """Why nothing is at a path: a part of it is no directory, or it is not there."""
        parent = canonical.rpartition("/")[0]
        while parent:
            node = self.lookup(parent)
            if node is not None:
                return PathNotFoundError(path, action) if node.is_dir else PathNotDirectoryError(path, action)
            parent = parent.rpartition("/")[0]
        return PathNotFoundError(path, action)
