"""Looking for a name in a directory and in those above it."""

from __future__ import annotations

import os
import posixpath
from pathlib import Path

from embedded_engine.api.host import HostValue
from embedded_engine.api.values import DirectoryValue
from embedded_engine.binding import RequestContext, field
from embedded_engine.errors import EngineError


@field("Directory", "findUp")
async def directory_find_up(ctx: RequestContext, self: DirectoryValue, *, name: str, start: str) -> str | None:
    if not name:
        raise EngineError("name cannot be empty")
    current = posixpath.normpath(start or ".")
    if current.startswith("../"):
        raise EngineError(f"cannot search outside parent: {current}")
    union = await ctx.engine.graph.union(self.fs)
    union.list(self.at(current))
    while True:
        if union.exists(self.at(posixpath.join(current, name)), follow=False):
            return posixpath.normpath(posixpath.join(current, name))
        above = posixpath.dirname(current) or "."
        if above == current:
            return None
        current = above


@field("Host", "findUp")
def host_find_up(ctx: RequestContext, self: HostValue, *, name: str, no_cache: bool = False) -> str | None:
    """The path, relative to where the session was started, of the nearest file of that name at or above it."""
    begin = Path(ctx.engine.workdir).resolve()
    found = find_up(begin, name)
    return None if found is None else os.path.relpath(found / name, begin)


def find_up(begin: Path, name: str) -> Path | None:
    """The nearest directory, at or above `begin`, that has the name."""
    return next((place for place in (begin, *begin.parents) if os.path.lexists(place / name)), None)
