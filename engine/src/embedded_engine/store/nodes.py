"""Copies of single files, links and devices, with their owner, mode, times and attributes."""

from __future__ import annotations

import os
import stat

from embedded_engine.store.files import copy_content, copy_xattrs
from embedded_engine.store.union import Kind, Node

Owner = tuple[int, int]

ROOT: Owner = (0, 0)


def copy_node(node: Node, place: str, owner: Owner | None, mode: int | None) -> None:
    """Create at `place`, where nothing may be, a copy of a node that is no directory."""
    kept = owner or (node.uid, node.gid)
    if node.kind is Kind.SYMLINK:
        os.symlink(node.target, place)
        os.lchown(place, *kept)
    elif node.kind is Kind.FILE:
        _copy_file(node, place, kept, node.mode if mode is None else mode)
    else:
        os.mknod(place, stat.S_IFMT(node.status.st_mode) | 0o600, node.status.st_rdev)
        os.chown(place, *kept)
        os.chmod(place, node.mode if mode is None else mode)
    os.utime(place, ns=(node.mtime_ns, node.mtime_ns), follow_symlinks=False)


def _copy_file(node: Node, place: str, owner: Owner, mode: int) -> None:
    source = os.open(node.location, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        target = os.open(place, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            copy_content(source, target, node.size)
            os.fchown(target, *owner)
            os.fchmod(target, mode)
        finally:
            os.close(target)
    finally:
        os.close(source)
    copy_xattrs(node.location, place)
