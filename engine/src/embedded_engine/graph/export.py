"""Export: a directory or file of the graph written to the host, each file beside its place and then renamed."""

from __future__ import annotations

import contextlib
import os
import secrets as random
import shutil
import stat
from pathlib import Path

from embedded_engine.errors import EngineError
from embedded_engine.store import Kind, Node, Union
from embedded_engine.store.files import copy_content

# Thousands of entries: plain strings are twice as fast.
# ruff: noqa: PTH105, PTH108, PTH211


class ExportError(EngineError):
    """Something that cannot be written to the host. What was written before it stays whole."""


def export_directory(union: Union, path: str, target: Path, *, wipe: bool = False, owners: bool = False) -> None:
    """Write the contents of the directory at `path` into `target`, made if missing.

    What is in `target` and not in the directory stays, unless `wipe`. Files get their permissions and belong to the
    user, or with `owners` to whom they belong in the tree; modification times are kept, so that an export that
    changes nothing looks unchanged.
    """
    try:
        target.mkdir(parents=True, exist_ok=True)
        written: set[str] = {""}
        directories: list[tuple[Path, Node]] = []
        for relative, node in union.walk(path):
            written.add(relative)
            if node.kind is Kind.DIRECTORY:
                place = target / relative
                _make_directory(place)
                directories.append((place, node))
            else:
                _write(node, f"{target}/{relative}", owners=owners)
        if wipe:
            _remove_others(target, written)
        for place, node in reversed(directories):
            if owners:
                os.chown(place, node.uid, node.gid)
            place.chmod(node.mode)
            os.utime(place, ns=(node.mtime_ns, node.mtime_ns))
    except OSError as error:
        raise ExportError(f"cannot export to {error.filename or target}: {error.strerror}") from None


def export_file(union: Union, path: str, target: Path) -> None:
    """Write the file at `path` to `target`, whose missing parents are made.

    It is written where a link at `target` leads, and a file that is there keeps its permissions.
    """
    node = union.stat(path)
    if node.is_dir:
        raise ExportError(f"cannot export {path}: it is a directory")
    try:
        if target.is_dir():
            raise ExportError(f"cannot export to {target}: it is a directory; name the file")
        target.parent.mkdir(parents=True, exist_ok=True)
        place = target.resolve()
        _write(node, str(place), mode=stat.S_IMODE(place.stat().st_mode) if place.exists() else None)
    except OSError as error:
        raise ExportError(f"cannot export to {error.filename or target}: {error.strerror}") from None


def _make_directory(place: Path) -> None:
    """A directory, in place of anything else that has its name. A link is replaced: exports never follow one out."""
    if place.is_symlink() or (place.exists() and not place.is_dir()):
        place.unlink()
    place.mkdir(exist_ok=True)


def _write(node: Node, place: str, *, owners: bool = False, mode: int | None = None) -> None:
    # A name may be as long as the disk allows: that of the file beside has nothing of it.
    folder, _, name = place.rpartition("/")
    fresh = f"{folder}/.{random.token_hex(8)}"
    try:
        match node.kind:
            case Kind.FILE:
                _copy(node, fresh, owners=owners, mode=node.mode if mode is None else mode)
            case Kind.SYMLINK:
                os.symlink(node.target, fresh)
                if owners:
                    os.chown(fresh, node.uid, node.gid, follow_symlinks=False)
            case _:
                raise ExportError(f"cannot export {name}: it is a {node.kind}, neither file, directory nor link")
        try:
            os.replace(fresh, place)
        except IsADirectoryError:
            shutil.rmtree(place)
            os.replace(fresh, place)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(fresh)
        raise


def _copy(node: Node, place: str, *, owners: bool, mode: int) -> None:
    """The file's content, by the kernel alone where the disk can do that, with permissions and its time."""
    source = os.open(node.location, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        target = os.open(place, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            copy_content(source, target, node.size)
            if owners:
                os.fchown(target, node.uid, node.gid)
            os.fchmod(target, mode)
        finally:
            os.close(target)
    finally:
        os.close(source)
    os.utime(place, ns=(node.mtime_ns, node.mtime_ns))


def _remove_others(target: Path, written: set[str]) -> None:
    """Remove what the export did not write."""
    for parent, directories, files in os.walk(target):
        base = Path(parent).relative_to(target)
        for name in files:
            if str(base / name) not in written:
                (Path(parent) / name).unlink()
        for name in list(directories):
            place = Path(parent) / name
            if str(base / name) in written:
                continue
            directories.remove(name)
            if place.is_symlink():
                place.unlink()
            else:
                shutil.rmtree(place)
