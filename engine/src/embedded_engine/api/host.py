"""Host: directories and files of this machine, taken as they are when they are asked for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from embedded_engine.api.selection import host_selection
from embedded_engine.api.values import DirectoryValue, FileValue
from embedded_engine.binding import RequestContext, field
from embedded_engine.errors import EngineError
from embedded_engine.graph import Imported


class HostPathError(EngineError):
    """A path of this machine that is not there or is not what was asked for."""


@dataclass(frozen=True)
class HostValue:
    """This machine, as far as its user lets the engine see it."""

    TYPE: ClassVar[str] = "Host"


@field("Query", "host")
def host(ctx: RequestContext, self: object) -> HostValue:
    return HostValue()


@field("Host", "directory")
async def directory(
    ctx: RequestContext,
    self: HostValue,
    *,
    path: str,
    exclude: tuple[str, ...] = (),
    include: tuple[str, ...] = (),
    no_cache: bool = False,
    gitignore: bool = False,
) -> DirectoryValue:
    place = _absolute(ctx, path)
    if not place.is_dir():
        problem = "it is a file" if place.exists() else "no such file or directory"
        raise HostPathError(f"host directory {path}: {problem}")
    patterns = await asyncio.to_thread(host_selection, place, include, exclude, gitignore=gitignore)
    tree, manifest = await asyncio.to_thread(ctx.engine.store.hosts.import_tree, place, patterns)
    return DirectoryValue(Imported(manifest.digest, tree, manifest))


@field("Host", "file")
async def file(ctx: RequestContext, self: HostValue, *, path: str, no_cache: bool = False) -> FileValue:
    place = _absolute(ctx, path)
    if not place.is_file():
        problem = "it is a directory" if place.is_dir() else "no such file or directory"
        raise HostPathError(f"host file {path}: {problem}")
    tree, manifest = await asyncio.to_thread(ctx.engine.store.hosts.import_file, place)
    return FileValue(Imported(manifest.digest, tree, manifest), f"/{place.name}")


def _absolute(ctx: RequestContext, path: str) -> Path:
    """A path of the host, relative ones from where the session was started."""
    return Path(ctx.engine.workdir, Path(path).expanduser()).resolve()
