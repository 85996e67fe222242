"""Directory: what is in it, parts of it, changed copies of it, and its export to the host."""

from __future__ import annotations

import asyncio
import posixpath
from dataclasses import replace
from pathlib import Path

from embedded_engine.api.paths import check_name
from embedded_engine.api.selection import selection
from embedded_engine.api.values import DirectoryValue, FileValue
from embedded_engine.binding import RequestContext, field
from embedded_engine.errors import EngineError
from embedded_engine.graph import FsNode, Patch, Scratch
from embedded_engine.graph.changes import (
    ChangeOwner,
    CopyDirectory,
    CopyFile,
    NewDirectory,
    NewFile,
    NewSymlink,
    Owner,
    Remove,
    SetTimestamps,
)
from embedded_engine.graph.export import export_directory
from embedded_engine.graph.filesystem import Change
from embedded_engine.store import Union
from embedded_engine.store.patterns import glob_matches


class DirectoryError(EngineError):
    """Something that is no directory where one was asked for."""


@field("Query", "directory")
def new_directory(ctx: RequestContext, self: object) -> DirectoryValue:
    return DirectoryValue()


@field("Directory", "sync")
async def sync(ctx: RequestContext, self: DirectoryValue) -> DirectoryValue:
    await _found(ctx, self)
    return self


@field("Directory", "name")
async def name(ctx: RequestContext, self: DirectoryValue) -> str:
    if self.path == "/":
        return "/"
    await _found(ctx, self)
    return f"{posixpath.basename(self.path)}/"


@field("Directory", "digest")
async def digest(ctx: RequestContext, self: DirectoryValue) -> str:
    return f"sha256:{await ctx.engine.graph.content(self.fs, self.path)}"


@field("Directory", "entries")
async def entries(ctx: RequestContext, self: DirectoryValue, *, path: str = "") -> tuple[str, ...]:
    found = (await _found(ctx, self)).list(self.at(path))
    return tuple(f"{name}/" if node.is_dir else name for name, node in found.items())


@field("Directory", "glob")
async def glob(ctx: RequestContext, self: DirectoryValue, *, pattern: str) -> tuple[str, ...]:
    union = await _found(ctx, self)
    if not pattern:
        raise DirectoryError("failed to create glob pattern matcher: empty pattern")
    found = ((path, node) for path, node in union.walk(self.path) if glob_matches(pattern, path))
    return tuple(f"{path}/" if node.is_dir else path for path, node in found)


@field("Directory", "exists")
async def exists(
    ctx: RequestContext,
    self: DirectoryValue,
    *,
    path: str,
    expected_type: str | None = None,
    do_not_follow_symlinks: bool = False,
) -> bool:
    from embedded_engine.api.stat import exists_as

    if not path:
        return False
    union = await ctx.engine.graph.union(self.fs)
    return exists_as(union, self.at(path), expected_type, follow=not do_not_follow_symlinks)


@field("Directory", "directory")
def directory(ctx: RequestContext, self: DirectoryValue, *, path: str) -> DirectoryValue:
    return replace(self, path=self.at(path))


@field("Directory", "file")
def file(ctx: RequestContext, self: DirectoryValue, *, path: str) -> FileValue:
    return FileValue(self.fs, self.at(path))


@field("Directory", "filter")
def filter_(
    ctx: RequestContext,
    self: DirectoryValue,
    *,
    exclude: tuple[str, ...] = (),
    include: tuple[str, ...] = (),
    gitignore: bool = False,
) -> DirectoryValue:
    patterns = selection(include, exclude)
    return DirectoryValue(Patch(Scratch(), CopyDirectory(self.fs, self.path, "/", patterns, gitignore=gitignore)))


@field("Directory", "withDirectory")
def with_directory(
    ctx: RequestContext,
    self: DirectoryValue,
    *,
    path: str,
    source: DirectoryValue,
    exclude: tuple[str, ...] = (),
    include: tuple[str, ...] = (),
    gitignore: bool = False,
    owner: str = "",
    permissions: int | None = None,
) -> DirectoryValue:
    patterns = selection(include, exclude)
    target = self.at(path)
    return _changed(
        self, CopyDirectory(source.fs, source.path, target, patterns, _owner(self.fs, owner), permissions, gitignore)
    )


@field("Directory", "withoutDirectory")
def without_directory(ctx: RequestContext, self: DirectoryValue, *, path: str) -> DirectoryValue:
    return _changed(self, Remove((self.at(path),)))


@field("Directory", "withFile")
def with_file(
    ctx: RequestContext,
    self: DirectoryValue,
    *,
    path: str,
    source: FileValue,
    permissions: int | None = None,
    owner: str = "",
) -> DirectoryValue:
    return _copy_file(self, path, source, owner, permissions)


@field("Directory", "withFiles")
def with_files(
    ctx: RequestContext,
    self: DirectoryValue,
    *,
    path: str,
    sources: tuple[FileValue, ...],
    permissions: int | None = None,
) -> DirectoryValue:
    result = self
    for source in sources:
        result = _copy_file(result, posixpath.join(path, ""), source, "", permissions)
    return result


@field("Directory", "withoutFile")
def without_file(ctx: RequestContext, self: DirectoryValue, *, path: str) -> DirectoryValue:
    return _changed(self, Remove((self.at(path),)))


@field("Directory", "withoutFiles")
def without_files(ctx: RequestContext, self: DirectoryValue, *, paths: tuple[str, ...]) -> DirectoryValue:
    return _changed(self, Remove(tuple(self.at(path) for path in paths)))


@field("Directory", "withNewFile")
def with_new_file(
    ctx: RequestContext, self: DirectoryValue, *, path: str, contents: str, permissions: int = 0o644
) -> DirectoryValue:
    check_name(path)
    return _changed(self, NewFile(self.at(path), contents.encode(), permissions or 0o644))


@field("Directory", "withNewDirectory")
def with_new_directory(
    ctx: RequestContext, self: DirectoryValue, *, path: str, permissions: int = 0o755
) -> DirectoryValue:
    if posixpath.normpath(path).startswith("../"):
        raise DirectoryError(f"cannot create directory outside parent: {path}")
    return _changed(self, NewDirectory(self.at(path), permissions or 0o755))


@field("Directory", "withSymlink")
def with_symlink(ctx: RequestContext, self: DirectoryValue, *, target: str, link_name: str) -> DirectoryValue:
    return _changed(self, NewSymlink(self.at(link_name), target))


@field("Directory", "withTimestamps")
def with_timestamps(ctx: RequestContext, self: DirectoryValue, *, timestamp: int) -> DirectoryValue:
    return _changed(self, SetTimestamps(self.path, timestamp))


@field("Directory", "chown")
def chown(ctx: RequestContext, self: DirectoryValue, *, path: str, owner: str) -> DirectoryValue:
    return _changed(self, ChangeOwner(self.at(path), _owner(self.fs, owner)))


@field("Directory", "export")
async def export(ctx: RequestContext, self: DirectoryValue, *, path: str, wipe: bool = False) -> str:
    union = await _found(ctx, self)
    target = Path(posixpath.normpath(Path(ctx.engine.workdir, path)))
    await asyncio.to_thread(export_directory, union, self.path, target, wipe=wipe)
    return str(target)


def _changed(directory: DirectoryValue, change: Change) -> DirectoryValue:
    return replace(directory, fs=Patch(directory.fs, change))


def _copy_file(
    directory: DirectoryValue, path: str, source: FileValue, owner: str, permissions: int | None
) -> DirectoryValue:
    target = directory.at(path)
    # A trailing slash says that the path is a directory; the clean path has lost it.
    target = posixpath.join(target, "") if path.endswith(("/", "/.")) else target
    copy = CopyFile(source.fs, source.path, target, source.name, _owner(directory.fs, owner), permissions)
    return _changed(directory, copy)


def _owner(accounts: FsNode, name: str) -> Owner:
    return Owner(name, accounts) if name else Owner()


async def _found(ctx: RequestContext, directory: DirectoryValue) -> Union:
    """The file system that holds the directory, if it is there and is one."""
    union: Union = await ctx.engine.graph.union(directory.fs)
    if not union.stat(directory.path, action="stat").is_dir:
        raise DirectoryError(f"path {directory.path} is a file, not a directory")
    return union
