"""File: its contents, its facts, changed copies of it, and its export to the host."""

from __future__ import annotations

import asyncio
import posixpath
from pathlib import Path

from embedded_engine.api.values import FileValue
from embedded_engine.binding import RequestContext, field
from embedded_engine.errors import EngineError
from embedded_engine.graph import Patch, Scratch
from embedded_engine.graph.changes import ChangeOwner, CopyFile, NewFile, Owner, SetTimestamps
from embedded_engine.graph.export import export_file
from embedded_engine.store import Union


class FileError(EngineError):
    """Something that is no file where one was asked for."""


@field("Query", "file")
def new_file(ctx: RequestContext, self: object, *, name: str, contents: str, permissions: int = 0o644) -> FileValue:
    path = posixpath.join("/", name)
    return FileValue(Patch(Scratch(), NewFile(path, contents.encode(), permissions or 0o644)), path)


@field("File", "sync")
async def sync(ctx: RequestContext, self: FileValue) -> FileValue:
    await _found(ctx, self)
    return self


@field("File", "name")
def name(ctx: RequestContext, self: FileValue) -> str:
    return self.name


@field("File", "size")
async def size(ctx: RequestContext, self: FileValue) -> int:
    return int((await _found(ctx, self)).stat(self.path).size)


@field("File", "contents")
async def contents(
    ctx: RequestContext, self: FileValue, *, offset_lines: int | None = None, limit_lines: int | None = None
) -> str:
    union = await _found(ctx, self)
    data: bytes = await asyncio.to_thread(union.read, self.path)
    text = data.decode("utf-8", "replace")
    if offset_lines is None and limit_lines is None:
        return text
    begin = offset_lines or 0
    end = None if limit_lines is None else begin + limit_lines
    return "".join(text.splitlines(keepends=True)[begin:end])


@field("File", "digest")
async def digest(ctx: RequestContext, self: FileValue, *, exclude_metadata: bool = False) -> str:
    from embedded_engine.graph.identity import fingerprint

    if not exclude_metadata:
        return f"sha256:{await ctx.engine.graph.content(self.fs, self.path)}"
    union = await ctx.engine.graph.union(self.fs)
    return f"sha256:{fingerprint(await asyncio.to_thread(union.read, self.path))}"


@field("File", "withName")
def with_name(ctx: RequestContext, self: FileValue, *, name: str) -> FileValue:
    path = posixpath.join("/", name)
    return FileValue(Patch(Scratch(), CopyFile(self.fs, self.path, path, name)), path)


@field("File", "withTimestamps")
def with_timestamps(ctx: RequestContext, self: FileValue, *, timestamp: int) -> FileValue:
    return FileValue(Patch(self.fs, SetTimestamps(self.path, timestamp)), self.path)


@field("File", "chown")
def chown(ctx: RequestContext, self: FileValue, *, owner: str) -> FileValue:
    return FileValue(Patch(self.fs, ChangeOwner(self.path, Owner(owner, self.fs))), self.path)


@field("File", "export")
async def export(ctx: RequestContext, self: FileValue, *, path: str, allow_parent_dir_path: bool = False) -> str:
    union = await ctx.engine.graph.union(self.fs)
    target = Path(ctx.engine.workdir, path)
    # As `cp` has it, if that is allowed: a directory that is there, or a path that ends like one, receives the file.
    into = allow_parent_dir_path and (path.endswith("/") or await asyncio.to_thread(target.is_dir))
    if into:
        target = target / self.name
    await asyncio.to_thread(export_file, union, self.path, target)
    return str(target)


async def _found(ctx: RequestContext, file: FileValue) -> Union:
    """The file system that holds the file, if it is there and is one."""
    union: Union = await ctx.engine.graph.union(file.fs)
    if union.stat(file.path, action="stat").is_dir:
        raise FileError(f"path {file.path} is a directory, not a file")
    return union
