"""File: its contents, its facts, changed copies of it, and its export to the host."""

from __future__ import annotations

import asyncio
import posixpath
from itertools import islice
from pathlib import Path

from embedded_engine.api.paths import check_name
from embedded_engine.api.values import FileValue
from embedded_engine.binding import RequestContext, field
from embedded_engine.errors import EngineError
from embedded_engine.graph import Patch, Scratch
from embedded_engine.graph.changes import ChangeOwner, CopyFile, NewFile, Owner, SetTimestamps
from embedded_engine.graph.export import export_file
from embedded_engine.store import Union
from embedded_engine.store.manifest import digest_file

MAX_CONTENTS_BYTES = 128 * 1024 * 1024  # as on the real engine


class FileError(EngineError):
    """Something that is no file where one was asked for."""


@field("Query", "file")
def new_file(ctx: RequestContext, self: object, *, name: str, contents: str, permissions: int = 0o644) -> FileValue:
    path = _path_named(name)
    return FileValue(Patch(Scratch(), NewFile(path, contents.encode(), permissions or 0o644)), path)


@field("File", "sync")
async def sync(ctx: RequestContext, self: FileValue) -> FileValue:
    await _found(ctx, self)
    return self


@field("File", "name")
async def name(ctx: RequestContext, self: FileValue) -> str:
    await _found(ctx, self)
    return self.name


@field("File", "size")
async def size(ctx: RequestContext, self: FileValue) -> int:
    return int((await _found(ctx, self)).stat(self.path).size)


@field("File", "contents")
async def contents(
    ctx: RequestContext, self: FileValue, *, offset_lines: int | None = None, limit_lines: int | None = None
) -> str:
    union = await _found(ctx, self)
    data = await asyncio.to_thread(_read, union, self.path, offset_lines, limit_lines)
    return data.decode("utf-8", "replace")


@field("File", "digest")
async def digest(ctx: RequestContext, self: FileValue, *, exclude_metadata: bool = False) -> str:
    if not exclude_metadata:
        return f"sha256:{await ctx.engine.graph.content(self.fs, self.path)}"
    node = (await _found(ctx, self)).stat(self.path)
    return f"sha256:{await asyncio.to_thread(digest_file, node.location)}"


@field("File", "withName")
def with_name(ctx: RequestContext, self: FileValue, *, name: str) -> FileValue:
    path = _path_named(name)
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
    target = Path(posixpath.normpath(Path(ctx.engine.workdir, path)))
    # As `cp` has it, if that is allowed: a directory that is there, or a path that ends like one, receives the file.
    into = allow_parent_dir_path and (path.endswith("/") or await asyncio.to_thread(target.is_dir))
    await asyncio.to_thread(export_file, union, self.path, target / self.name if into else target)
    return str(target)


def _read(union: Union, path: str, offset: int | None, limit: int | None) -> bytes:
    """What a file holds, or the lines of it that are asked for."""
    if offset is None and limit is None:
        size = union.stat(path).size
        if size > MAX_CONTENTS_BYTES:
            raise _too_large(size)
        return union.read(path)
    data = bytearray()
    begin = max(offset or 0, 0)
    with union.open(path) as file:
        for line in islice(file, begin, None if limit is None or limit < 0 else begin + limit):
            data += line
            if len(data) > MAX_CONTENTS_BYTES:
                raise _too_large(len(data))
    return bytes(data)


def _too_large(size: int) -> FileError:
    return FileError(f"file size {size} exceeds limit {MAX_CONTENTS_BYTES}")


def _path_named(name: str) -> str:
    """Where a file of its own lies: at the top, by a name that is one word of a path."""
    if posixpath.basename(name) != name:
        raise FileError(f'file name "{name}" must not contain a directory')
    check_name(name)
    return f"/{name}"


async def _found(ctx: RequestContext, file: FileValue) -> Union:
    """The file system that holds the file, if it is there and is one."""
    union: Union = await ctx.engine.graph.union(file.fs)
    if union.stat(file.path, action="stat").is_dir:
        raise FileError(f"path {file.path} is a directory, not a file")
    return union
