"""A layer's tar stream into a staged layer: from the archive's format to overlayfs', and never outside the layer.

Archives are written by strangers. Parents that are symbolic links are followed inside the image only; device nodes
are left out (a container's runtime makes its own); attributes that mean something to overlayfs are dropped.
"""

# Thousands of entries with any bytes in their names: plain strings are twice as fast.
# ruff: noqa: PTH101, PTH102, PTH115, PTH123, PTH211

from __future__ import annotations

import os
import posixpath
import stat
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import BinaryIO, cast

from embedded_engine.images.compression import TarStream, open_layer
from embedded_engine.images.errors import ImageError
from embedded_engine.store.errors import StoreError, storage_errors
from embedded_engine.store.files import make_opaque, make_whiteout, remove_tree
from embedded_engine.store.layers import StagedLayer
from embedded_engine.store.nodes import copy_node
from embedded_engine.store.union import Node, Union

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_METADATA = ".wh..wh."
_MOST_LINKS = 255
_XATTR = "SCHILY.xattr."
_KEPT_XATTRS = ("user.", "security.capability", "system.posix_acl_")
_BLOCK = 1 << 20


def unpack(archive: Path, staged: StagedLayer, base: Union) -> str:
    """Unpack a layer (tar, plain or compressed with gzip or zstd) over `base`; return the digest of the tar itself.

    Raises ImageError for an archive that is damaged, unsafe, or far larger than it may be.
    """
    with archive.open("rb") as file, _readable(), storage_errors("unpack a layer"):
        stream = open_layer(file, archive.stat().st_size)
        unpacker = _Unpacker(staged, base)
        with tarfile.open(fileobj=stream, mode="r:", errors="surrogateescape", encoding="utf-8") as archive_reader:
            while (member := archive_reader.next()) is not None:
                unpacker.add(member, stream)
                # The reader remembers every member; nobody asks again.
                archive_reader.members.clear()  # type: ignore[attr-defined] # typeshed lacks it
        unpacker.finish()
        return stream.digest()


@contextmanager
def _readable() -> Iterator[None]:
    """What the readers of tar and of compressed data complain of, as one line."""
    try:
        yield
    except (ImageError, StoreError):
        raise
    except (tarfile.TarError, EOFError, ValueError, OverflowError, ArithmeticError) as error:
        raise ImageError(f"a layer cannot be unpacked: {' '.join(str(error).split()) or 'it ends early'}") from error


class _Unpacker:
    """Adds one entry after another."""

    def __init__(self, staged: StagedLayer, base: Union) -> None:
        self._root = os.fspath(staged.fs)
        self._base = base
        self._rootless = staged.rootless
        # Where the parents of entries are, their links followed: a path in the archive to one without links.
        self._parents: dict[str, str] = {"": ""}
        # Paths at which nothing of the layers below shows.
        self._hidden: set[str] = set()
        self._times: dict[str, int] = {}

    def add(self, member: tarfile.TarInfo, stream: TarStream) -> None:
        """Add one entry."""
        path = _clean(member.name)
        parent, _, name = path.rpartition("/")
        if not name:
            if member.isdir():
                self._describe(self._root, member)
            return
        canonical = f"{self._parent(parent)}/{name}"
        if name.startswith(_WHITEOUT):
            self._hide(canonical, name)
            return
        if member.isdev() and not member.isfifo():
            return
        place = f"{self._root}{canonical}"
        self._make_parents(canonical)
        if member.isdir():
            self._add_directory(canonical, place)
        else:
            self._clear(canonical, place)
            self._add_file(member, place, stream)
        if not member.islnk():
            self._describe(place, member)

    def finish(self) -> None:
        """Give directories their times, which adding to them changed: the deepest first."""
        for place in sorted(self._times, reverse=True):
            with suppress(FileNotFoundError, NotADirectoryError):
                os.utime(place, ns=(self._times[place],) * 2, follow_symlinks=False)

    # --- entries ---

    def _add_directory(self, canonical: str, place: str) -> None:
        """Make a directory, or keep the one that is there. One that was hidden before shows nothing from below."""
        status = _lstat(place)
        if status is not None and stat.S_ISDIR(status.st_mode):
            return
        self._clear(canonical, place)
        os.mkdir(place, 0o755)
        if canonical in self._hidden:
            make_opaque(place, rootless=self._rootless)

    def _add_file(self, member: tarfile.TarInfo, place: str, stream: TarStream) -> None:
        """Make whatever is no directory, where nothing is."""
        if member.islnk():
            os.link(self._link_target(member), place, follow_symlinks=False)
        elif member.issym():
            os.symlink(member.linkname, place)
        elif member.isfifo():
            os.mkfifo(place, 0o600)
        elif member.isreg() or member.type not in tarfile.SUPPORTED_TYPES:
            descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with open(descriptor, "wb", buffering=0) as file:
                _write(member, stream, file)
        else:
            raise ImageError(f"a layer has an entry of unknown kind: {member.name!r}")

    def _link_target(self, member: tarfile.TarInfo) -> str:
        """The file that a hard link joins. One in a lower layer is copied up first, as overlayfs does."""
        path = _clean(member.linkname)
        parent, _, name = path.rpartition("/")
        canonical = f"{self._parent(parent)}/{name}"
        place = f"{self._root}{canonical}"
        status = _lstat(place)
        if status is None and (node := self._below(canonical)) is not None:
            status = node.status
            if not stat.S_ISDIR(status.st_mode):
                self._make_parents(canonical)
                copy_node(node, place, None, None)
        if status is None or not name or stat.S_ISDIR(status.st_mode):
            raise ImageError(f"a layer has a hard link to what is no file: {member.name!r} to {member.linkname!r}")
        return place

    def _hide(self, canonical: str, name: str) -> None:
        """A whiteout: hide one entry of the layers below, or all of a directory's."""
        parent = canonical.rpartition("/")[0]
        if name == _OPAQUE:
            self._make_parents(canonical)
            make_opaque(f"{self._root}{parent}", rootless=self._rootless)
            self._hidden.add(parent)
            return
        if name.startswith(_METADATA):
            # Left over from another union file system; it hides nothing.
            return
        hidden = name.removeprefix(_WHITEOUT)
        if hidden in {"", ".", ".."}:
            raise ImageError(f"a layer has a whiteout without a name: {canonical!r}")
        target = f"{parent}/{hidden}"
        place = f"{self._root}{target}"
        status = _lstat(place)
        if status is None:
            if self._below(target) is not None:
                self._make_parents(target)
                make_whiteout(place)
        elif stat.S_ISDIR(status.st_mode):
            make_opaque(place, rootless=self._rootless)
        self._hidden.add(target)

    def _describe(self, place: str, member: tarfile.TarInfo) -> None:
        """Owner, mode, attributes and time, in the order in which none undoes another."""
        os.chown(place, member.uid, member.gid, follow_symlinks=False)
        if not member.issym():
            os.chmod(place, member.mode & 0o7777)
        for name, value in member.pax_headers.items():
            if name.startswith(_XATTR) and name.removeprefix(_XATTR).startswith(_KEPT_XATTRS):
                self._set_attribute(place, name.removeprefix(_XATTR), value)
        time = _nanoseconds(member)
        if member.isdir():
            self._times[place] = time
        else:
            os.utime(place, ns=(time, time), follow_symlinks=False)

    def _set_attribute(self, place: str, name: str, value: str) -> None:
        """An extended attribute, where the file system takes it and overlayfs means nothing by it."""
        if name.startswith("user.overlay."):
            return
        with suppress(OSError):
            os.setxattr(place, name, value.encode("utf-8", "surrogateescape"), follow_symlinks=False)

    # --- places ---

    def _clear(self, canonical: str, place: str) -> None:
        """Remove what an earlier entry of the archive put there."""
        status = _lstat(place)
        if status is not None:
            remove_tree(place)
            self._hidden.add(canonical)
        if status is not None or canonical in self._parents:
            # What was found through this path may lead elsewhere now.
            self._parents = {"": ""}

    def _parent(self, path: str) -> str:
        """A directory's path with all links followed inside the image. What does not exist stays as it is."""
        known = self._parents.get(path)
        if known is not None:
            return known
        left = path.split("/")[::-1]
        current, links = "", 0
        while left:
            word = left.pop()
            if word in {"", "."}:
                continue
            if word == "..":
                current = current.rpartition("/")[0]
                continue
            canonical = f"{current}/{word}"
            target = self._read_link(canonical)
            if target is None:
                current = canonical
                continue
            links += 1
            if links > _MOST_LINKS:
                raise ImageError(f"a layer's links lead in a circle: {path!r}")
            left += target.split("/")[::-1]
            if target.startswith("/"):
                current = ""
        self._parents[path] = current
        return current

    def _read_link(self, canonical: str) -> str | None:
        """Where a path leads if it is a symbolic link. It must not be anything but that or a directory."""
        place = f"{self._root}{canonical}"
        status = _lstat(place)
        if status is None:
            node = self._below(canonical)
            if node is None:
                return None
            place, status = node.location, node.status
        if stat.S_ISLNK(status.st_mode):
            return os.readlink(place)
        if not stat.S_ISDIR(status.st_mode) and not stat.S_ISCHR(status.st_mode):
            raise ImageError(f"a layer has an entry below {canonical!r}, which is no directory")
        return None

    def _make_parents(self, canonical: str) -> None:
        """Make the directories above a path, as they are below or else root's with mode 0755."""
        missing = []
        parent = canonical.rpartition("/")[0]
        while parent:
            status = _lstat(f"{self._root}{parent}")
            if status is not None and stat.S_ISDIR(status.st_mode):
                break
            missing.append(parent)
            parent = parent.rpartition("/")[0]
        for path in reversed(missing):
            place = f"{self._root}{path}"
            self._clear(path, place)
            node = self._below(path)
            self._times[place] = node.mtime_ns if node is not None else 0
            os.mkdir(place, 0o755)
            if path in self._hidden:
                make_opaque(place, rootless=self._rootless)
            if node is not None and node.is_dir:
                os.chown(place, node.uid, node.gid)
                os.chmod(place, node.mode)

    def _below(self, canonical: str) -> Node | None:
        """What shows through from the lower layers at a path without links."""
        if not self._base.paths:
            return None
        if self._hidden:
            words = canonical.split("/")
            if any("/".join(words[:length]) in self._hidden for length in range(1, len(words) + 1)):
                return None
        return self._base.lookup(canonical)


def _clean(name: str) -> str:
    """An entry's path without leading slash and dots. One that goes up is refused."""
    words = [word for word in name.split("/") if word not in {"", "."}]
    if ".." in words:
        raise ImageError(f"a layer has an entry outside the image: {name!r}")
    return "/".join(words)


def _lstat(place: str) -> os.stat_result | None:
    try:
        return os.lstat(place)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _nanoseconds(member: tarfile.TarInfo) -> int:
    """The entry's time, exactly where the archive has it as decimal text."""
    with suppress(InvalidOperation):
        return int(Decimal(member.pax_headers.get("mtime", "")) * 1_000_000_000)
    return int(member.mtime) * 1_000_000_000


def _write(member: tarfile.TarInfo, stream: TarStream, file: BinaryIO) -> None:
    """The content of a regular file, holes left as holes."""
    stream.seek(member.offset_data)
    # For a file with holes the archive has a list of its parts; typeshed takes it for a number.
    sparse = cast("list[tuple[int, int]] | None", member.sparse)
    parts = sparse if sparse is not None else [(0, member.size)]
    for offset, size in parts:
        file.seek(offset)
        left = size
        while left:
            block = stream.read(min(left, _BLOCK))
            if not block:
                raise ImageError(f"a layer ends in the middle of {posixpath.basename(member.name)!r}")
            view = memoryview(block)
            while view:
                view = view[file.write(view) :]
            left -= len(block)
    file.truncate(member.size)
