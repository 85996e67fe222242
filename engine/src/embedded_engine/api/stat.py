"""Stat: what is at a path, and whether it is what it is expected to be."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import ClassVar

from embedded_engine.api.paths import locate
from embedded_engine.api.values import ContainerValue, DirectoryValue, FileValue
from embedded_engine.binding import RequestContext, attributes, field
from embedded_engine.store import Kind, PathNotFoundError, Union

attributes("Stat", "name", "size", "permissions", "fileType")

_KINDS = {"REGULAR_TYPE": Kind.FILE, "DIRECTORY_TYPE": Kind.DIRECTORY, "SYMLINK_TYPE": Kind.SYMLINK}
_TYPES = {Kind.FILE: "REGULAR", Kind.DIRECTORY: "DIRECTORY", Kind.SYMLINK: "SYMLINK"}


def exists_as(union: Union, path: str, expected: str | None, *, follow: bool) -> bool:
    """Whether something is at `path`, of the expected type if one is named. A link is itself only when looked for.

    Something below a file is neither there nor missing: that is an error, as on Dagger.
    """
    wanted = _KINDS.get(expected) if expected else None
    follow = follow and wanted is not Kind.SYMLINK
    try:
        found = union.stat(path, follow).kind
    except PathNotFoundError:
        return False
    return wanted is None or found is wanted


@dataclass(frozen=True)
class StatValue:
    """What is at a path; `permissions` are the low nine bits of its mode."""

    TYPE: ClassVar[str] = "Stat"

    name: str
    size: int
    permissions: int
    file_type: str


@field("Directory", "stat")
async def directory_stat(
    ctx: RequestContext, self: DirectoryValue, *, path: str, do_not_follow_symlinks: bool = False
) -> StatValue:
    if not path:
        raise PathNotFoundError(path, "stat")
    union = await ctx.engine.graph.union(self.fs)
    return stat_of(union, self.at(path), path, follow=not do_not_follow_symlinks)


@field("Container", "stat")
async def container_stat(
    ctx: RequestContext, self: ContainerValue, *, path: str, do_not_follow_symlinks: bool = False
) -> StatValue:
    if not path:
        raise PathNotFoundError(path, "stat")
    place = locate(self, self.absolute(path))
    union = await ctx.engine.graph.union(place.fs)
    return stat_of(union, place.path, self.absolute(path), follow=not do_not_follow_symlinks)


@field("File", "stat")
async def file_stat(ctx: RequestContext, self: FileValue) -> StatValue:
    union = await ctx.engine.graph.union(self.fs)
    return stat_of(union, self.path, self.name, follow=True)


def stat_of(union: Union, place: str, path: str, *, follow: bool) -> StatValue:
    """What is at `place`; its name is that of what a link leads to. `path` is what errors say."""
    if not union.exists(place, follow):
        raise PathNotFoundError(path, "stat")
    node = union.stat(place, follow)
    name = posixpath.basename(union.resolve(place, follow)) or "/"
    return StatValue(name, node.size, node.mode & 0o777, _TYPES.get(node.kind, "UNKNOWN"))
