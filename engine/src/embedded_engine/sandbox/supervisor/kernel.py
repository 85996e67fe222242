"""System calls that Python 3.11 has no name for."""

from __future__ import annotations

import ctypes
import os

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_REMOUNT = 0x20
MS_BIND = 0x1000
MS_REC = 0x4000
MS_SLAVE = 0x80000
MS_SHARED = 0x100000
MNT_DETACH = 0x2
CLONE_NEWNET = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)


def mount(source: str, target: str, kind: str | None = None, flags: int = 0, options: str | None = None) -> None:
    """mount(2). Raises OSError with `target` as its file name."""
    arguments = [None if text is None else os.fsencode(text) for text in (source, target, kind, options)]
    if _libc.mount(arguments[0], arguments[1], arguments[2], ctypes.c_ulong(flags), arguments[3]) != 0:
        _fail(target)


def unmount(target: str, flags: int = 0) -> None:
    """umount2(2)."""
    if _libc.umount2(os.fsencode(target), flags) != 0:
        _fail(target)


def unshare(flags: int) -> None:
    """unshare(2)."""
    if _libc.unshare(flags) != 0:
        _fail(None)


def enter_namespace(descriptor: int, kind: int) -> None:
    """setns(2)."""
    if _libc.setns(descriptor, kind) != 0:
        _fail(None)


def _fail(filename: str | None) -> None:
    code = ctypes.get_errno()
    raise OSError(code, os.strerror(code), filename)
