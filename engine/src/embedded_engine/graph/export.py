"""Export: a directory or file of the graph written to the host, each file beside its place and then renamed."""

from __future__ import annotations

import contextlib
import os
import secrets as random
import shutil
from pathlib import Path

from embedded_engine.errors import EngineError
from embedded_engine.store import Kind, Node, Union

COPY_BYTES = 1024 * 1024


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
            place = target / relative
            written.add(relative)
            if node.kind is Kind.DIRECTORY:
                _make_directory(place)
                directories.append((place, node))
            else:
                _write(node, place, owners=owners)
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
    """Write the file at `path` to `target`, whose missing parents are made."""
    node = union.stat(path)
    if node.is_dir:
        raise ExportError(f"cannot export {path}: it is a directory")
    try:
        if target.is_dir():
            raise ExportError(f"cannot export to {target}: it is a directory; name the file")
        target.parent.mkdir(parents=True, exist_ok=True)
        _write(node, target)
    except OSError as error:
        raise ExportError(f"cannot export to {error.filename or target}: {error.strerror}") from None


def _make_directory(place: Path) -> None:
    """A directory, in place of anything else that has its name. A link is replaced: exports never follow one out."""
    if place.is_symlink() or (place.exists() and not place.is_dir()):
        place.unlink()
    place.mkdir(exist_ok=True)


def _write(node: Node, place: Path, *, owners: bool = False) -> None:
    fresh = place.with_name(f".{place.name[:100]}.{random.token_hex(4)}")
    try:
        match node.kind:
            case Kind.FILE:
                with node.real.open("rb") as source, fresh.open("xb") as sink:
                    shutil.copyfileobj(source, sink, COPY_BYTES)
                if owners:
                    os.chown(fresh, node.uid, node.gid)
                fresh.chmod(node.mode)
                os.utime(fresh, ns=(node.mtime_ns, node.mtime_ns))
            case Kind.SYMLINK:
                fresh.symlink_to(node.target)
                if owners:
                    os.chown(fresh, node.uid, node.gid, follow_symlinks=False)
            case _:
                raise ExportError(f"cannot export {place.name}: it is a {node.kind}, neither file, directory nor link")
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        fresh.replace(place)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            fresh.unlink()
        raise


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
