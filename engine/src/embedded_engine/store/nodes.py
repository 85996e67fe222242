"""Copies of files, links and devices with their owner, mode, times and attributes, and of whole layers."""

from __future__ import annotations

import errno
import os
import stat

from embedded_engine.store.files import copy_content, copy_xattrs
from embedded_engine.store.union import Kind, Node, node_at

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


def clone_layer(source: str, target: str) -> None:
    """Fill the empty directory `target` with what a layer holds: whiteouts and marks too, files by hard link."""
    pending = [(source, target)]
    while pending:
        here, there = pending.pop()
        with os.scandir(here) as entries:
            for entry in entries:
                place = f"{there}/{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    os.mkdir(place, 0o700)
                    pending.append((entry.path, place))
                else:
                    try:
                        os.link(entry.path, place, follow_symlinks=False)
                    except OSError as error:
                        if error.errno != errno.EMLINK:
                            raise
                        copy_node(node_at(entry.path, entry.stat(follow_symlinks=False)), place, None, None)
        status = os.lstat(here)
        os.chown(there, status.st_uid, status.st_gid)
        os.chmod(there, stat.S_IMODE(status.st_mode))
        for name in os.listxattr(here):
            os.setxattr(there, name, os.getxattr(here, name))
