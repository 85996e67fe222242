"""CurrentModule: what a module's function learns of the module that it is in."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from embedded_engine.binding import RequestContext, attributes, field, resolver_of
from embedded_engine.errors import EngineError

_NOT_SOURCE = (".git", ".venv", "**/__pycache__")


class NoModuleError(EngineError):
    """A request that no module's function made asked for its module."""

    def __init__(self) -> None:
        super().__init__("there is no current module: no function of a module made this request")


@dataclass(frozen=True)
class CurrentModuleValue:
    """The module that serves the session."""

    TYPE: ClassVar[str] = "CurrentModule"

    name: str
    place: str
    depends_on: tuple[object, ...] = ()


attributes("CurrentModule", "name")


@field("Query", "currentModule")
def current_module(ctx: RequestContext, _root: object) -> CurrentModuleValue:
    """The module whose function asks."""
    if ctx.module is None:
        raise NoModuleError
    return CurrentModuleValue(ctx.module.name, ctx.module.source, ctx.module.dependencies)


@field("CurrentModule", "dependencies")
def dependencies(_ctx: RequestContext, self: CurrentModuleValue) -> tuple[object, ...]:
    """The modules that it depends on itself."""
    return self.depends_on


@field("CurrentModule", "source")
async def source(ctx: RequestContext, self: CurrentModuleValue) -> object:
    """Its sources, without what is made of them."""
    return await _host(ctx, "directory", path=self.place, exclude=_NOT_SOURCE)


@field("CurrentModule", "workdir")
async def workdir(ctx: RequestContext, _self: CurrentModuleValue, *, path: str, **filters: Any) -> object:
    """A directory of the function's working directory, which is empty until the function writes to it."""
    return await _host(ctx, "directory", path=str(_inside_workdir(path)), no_cache=True, **filters)


@field("CurrentModule", "workdirFile")
async def workdir_file(ctx: RequestContext, _self: CurrentModuleValue, *, path: str) -> object:
    """A file of the function's working directory."""
    return await _host(ctx, "file", path=str(_inside_workdir(path)), no_cache=True)


async def _host(ctx: RequestContext, kind: str, **arguments: Any) -> object:
    """What the same field of Host answers."""
    answer = resolver_of("Host", kind)(ctx, resolver_of("Query", "host")(ctx, None), **arguments)
    return await answer if inspect.isawaitable(answer) else answer


def _inside_workdir(path: str) -> Path:
    place = Path.cwd().resolve()
    found = (place / path.lstrip("/")).resolve()
    if not found.is_relative_to(place):
        raise EngineError(f"workdir path {path!r} escapes the working directory")
    return found
