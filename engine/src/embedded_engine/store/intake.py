"""Reading one file of the host, which others may be writing, so that what was read is one state of it."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Callable

from embedded_engine.store.errors import StoreError
from embedded_engine.store.files import reflink, write_all
from embedded_engine.store.scan import numbers_of, unreadable

_TRIES = 4
_PAUSE = 0.05
_BLOCK = 1 << 18

_Read = Callable[[int], str]


class VanishedError(Exception):
    """What was found is not there any more, or is something else: the directory has to be looked at again."""


def digest_host_file(place: str) -> tuple[str, os.stat_result]:
    """The sha256 of a file's content, and what the file was when it had it."""
    return _settled(place, _digest)


def take_file(place: str, target: str) -> tuple[str, os.stat_result]:
    """Copy a file to `target`, as 0:0 with its mode and time; its sha256, and what it was when it had that."""
    try:
        digest, status = _settled(place, lambda source: _copy(source, target))
    except BaseException:
        if os.path.lexists(target):
            os.unlink(target)
        raise
    os.utime(target, ns=(status.st_mtime_ns, status.st_mtime_ns))
    return digest, status


def _settled(place: str, read: _Read) -> tuple[str, os.stat_result]:
    """Read a file until it has not changed meanwhile."""
    for attempt in range(_TRIES):
        if attempt:
            time.sleep(_PAUSE * attempt)
        try:
            source = os.open(place, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            if not _is_file(place):
                raise VanishedError(place) from error
            raise unreadable(place, error) from error
        try:
            before = os.fstat(source)
            if not stat.S_ISREG(before.st_mode):
                raise VanishedError(place)
            digest = read(source)
            if numbers_of(os.fstat(source)) == numbers_of(before):
                return digest, before
        finally:
            os.close(source)
    raise StoreError(f"{place} keeps changing while it is read: stop what writes it, or exclude it")


def _digest(source: int) -> str:
    hasher = hashlib.sha256()
    while block := os.read(source, _BLOCK):
        hasher.update(block)
    return hasher.hexdigest()


def _copy(source: int, target_place: str) -> str:
    target = os.open(target_place, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        if reflink(source, target):
            digest = _digest(target)
        else:
            hasher = hashlib.sha256()
            while block := os.read(source, _BLOCK):
                hasher.update(block)
                write_all(target, block)
            digest = hasher.hexdigest()
        os.fchmod(target, stat.S_IMODE(os.fstat(source).st_mode))
    finally:
        os.close(target)
    return digest


def _is_file(place: str) -> bool:
    try:
        return stat.S_ISREG(os.lstat(place).st_mode)
    except OSError:
        return False
