"""Single files and whole directories on disk: copied, marked for overlayfs, removed, written at once or not at all."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

WHITEOUT_DEVICE = 0
OVERLAY_PREFIXES = ("trusted.overlay.", "user.overlay.")  # attributes in which overlayfs keeps its marks
_FICLONE = 0x40049409
_COPY_STEP = 1 << 30
_DEEP = 64  # levels below which a directory is moved up before it is removed, so that few descriptors are open

_no_reflink: set[int] = set()


def overlay_xattr(name: str, *, rootless: bool) -> str:
    """The extended attribute in which overlayfs keeps `name` (`opaque`, ...)."""
    return f"user.overlay.{name}" if rootless else f"trusted.overlay.{name}"


def is_whiteout(status: os.stat_result) -> bool:
    """Whether overlayfs takes this entry for "nothing is here, whatever is below"."""
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == WHITEOUT_DEVICE


def is_opaque(path: str, *, rootless: bool) -> bool:
    """Whether overlayfs shows nothing of what is below this directory."""
    try:
        return os.getxattr(path, overlay_xattr("opaque", rootless=rootless), follow_symlinks=False) == b"y"
    except OSError as error:
        if error.errno in (errno.ENODATA, errno.ENOTSUP):
            return False
        raise


def make_whiteout(path: str) -> None:
    """Hide what lower layers have at `path`, at which nothing may be."""
    os.mknod(path, stat.S_IFCHR, WHITEOUT_DEVICE)


def make_opaque(path: str, *, rootless: bool) -> None:
    """Hide what lower layers have inside the directory `path`."""
    os.setxattr(path, overlay_xattr("opaque", rootless=rootless), b"y", follow_symlinks=False)


def copy_xattrs(source: str, target: str) -> None:
    """Copy extended attributes (capabilities, ACLs, the user's own), but none of overlayfs'. Unsupported ones are left."""
    try:
        names = os.listxattr(source, follow_symlinks=False)
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            return
        raise
    for name in names:
        if name.startswith(OVERLAY_PREFIXES):
            continue
        try:
            os.setxattr(target, name, os.getxattr(source, name, follow_symlinks=False), follow_symlinks=False)
        except OSError as error:
            if error.errno not in (errno.ENOTSUP, errno.ENODATA, errno.EPERM):
                raise


def reflink(source: int, target: int) -> bool:
    """Let an empty file share the blocks of another, where the disk can."""
    device = os.fstat(target).st_dev
    if device in _no_reflink:
        return False
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError as error:
        if error.errno in (errno.EOPNOTSUPP, errno.ENOTTY, errno.ENOSYS):
            _no_reflink.add(device)
        elif error.errno not in (errno.EXDEV, errno.EINVAL, errno.EBADF, errno.EPERM, errno.ETXTBSY):
            raise
        return False
    return True


def copy_content(source: int, target: int, size: int) -> int:
    """Copy all of an open file into an empty one: shared blocks where the disk can, holes kept. Returns its length."""
    if size and reflink(source, target):
        return os.fstat(target).st_size
    status = os.fstat(source)
    if status.st_blocks * 512 < status.st_size:
        return _copy_sparse(source, target)
    return _copy_range(source, target, 0, None)


def _copy_sparse(source: int, target: int) -> int:
    """Copy only what the file holds data for."""
    for start, length in data_ranges(source):
        _copy_range(source, target, start, length)
    end = os.fstat(source).st_size
    os.ftruncate(target, end)
    return end


def data_ranges(descriptor: int) -> Iterator[tuple[int, int]]:
    """Where an open file holds data, as starts and lengths; what lies between is zeros."""
    end = os.fstat(descriptor).st_size
    position = 0
    while position < end:
        try:
            start = os.lseek(descriptor, position, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return
            raise
        position = os.lseek(descriptor, start, os.SEEK_HOLE)
        yield start, position - start


def _copy_range(source: int, target: int, start: int, length: int | None) -> int:
    """Copy `length` bytes from `start`, or all there is, to the same place of the target. Returns how many."""
    os.lseek(source, start, os.SEEK_SET)
    os.lseek(target, start, os.SEEK_SET)
    done = 0
    while length is None or done < length:
        step = _COPY_STEP if length is None else min(_COPY_STEP, length - done)
        try:
            count = os.copy_file_range(source, target, step)
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS):
                raise
            count = _copy_block(source, target, min(step, 1 << 20))
        else:
            # Files of /proc and of some network file systems look empty to copy_file_range.
            count = count or _copy_block(source, target, min(step, 1 << 20))
        if not count:
            break
        done += count
    return done


def _copy_block(source: int, target: int, step: int) -> int:
    block = os.read(source, step)
    write_all(target, block)
    return len(block)


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Write all of it, however little the system takes at a time."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def read_unnoticed(path: Path) -> tuple[bytes, int]:
    """The content of a file and its access time in nanoseconds, which reading it here leaves as it is."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOATIME)
    with open(descriptor, "rb") as file:
        return file.read(), os.fstat(descriptor).st_atime_ns


def remove_tree(path: str | Path) -> None:
    """Remove a file or a directory with all in it. It may be gone already; names, depth and modes do not matter."""
    path = os.fspath(path)
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
    except IsADirectoryError:
        pass
    else:
        return
    top = _open_directory(path, None)
    try:
        _empty(top)
    finally:
        os.close(top)
    os.rmdir(path)


def _open_directory(name: str, parent: int | None) -> int:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(name, flags, dir_fd=parent)
    except PermissionError:
        os.chmod(name, 0o700, dir_fd=parent)
        return os.open(name, flags, dir_fd=parent)
    if os.geteuid() != 0:
        os.fchmod(descriptor, 0o700)
    return descriptor


def _empty(top: int) -> None:
    """Remove everything inside an open directory. Directories far down are moved up first."""
    stack = [(top, _remove_files(top))]
    while True:
        directory, left = stack[-1]
        if left:
            name = left[-1]
            if len(stack) > _DEEP:
                moved = f".{secrets.token_hex(8)}"
                os.rename(left.pop(), moved, src_dir_fd=directory, dst_dir_fd=top)
                stack[0][1].insert(0, moved)
            else:
                below = _open_directory(name, directory)
                stack.append((below, _remove_files(below)))
        elif len(stack) > 1:
            stack.pop()
            os.close(directory)
            parent, names = stack[-1]
            os.rmdir(names.pop(), dir_fd=parent)
        else:
            return


def _remove_files(directory: int) -> list[str]:
    """Remove what is in a directory but its directories, whose names are returned."""
    with os.scandir(directory) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_directory in found:
        if not is_directory:
            os.unlink(name, dir_fd=directory)
    return [name for name, is_directory in found if is_directory]


def write_atomically(path: Path, data: bytes) -> None:
    """Put `data` at `path` so that a reader sees all of it or what was there before."""
    beside = path.with_name(f".{secrets.token_hex(8)}.new")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            write_all(descriptor, data)
        finally:
            os.close(descriptor)
        os.rename(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise
