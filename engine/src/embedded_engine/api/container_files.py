"""Container: files and directories of its file systems, read and changed."""

from __future__ import annotations

import posixpath
from dataclasses import replace

from embedded_engine.api.paths import (
    PathError,
    Place,
    changed,
    check_name,
    locate,
    locate_to_change,
    owner_of,
    uncovered,
)
from embedded_engine.api.paths import expand as _expanded
from embedded_engine.api.selection import selection
from embedded_engine.api.stat import exists_as
from embedded_engine.api.values import ContainerValue, DirectoryValue, FileValue
from embedded_engine.binding import RequestContext, field
from embedded_engine.graph.changes import (
    CopyDirectory,
    CopyFile,
    NewSymlink,
    Owner,
    PutNewFile,
    Remove,
)


@field("Container", "rootfs")
def rootfs(ctx: RequestContext, self: ContainerValue) -> DirectoryValue:
    return DirectoryValue(self.fs)


@field("Container", "withRootfs")
def with_rootfs(ctx: RequestContext, self: ContainerValue, *, directory: DirectoryValue) -> ContainerValue:
    if directory.path == "/":
        return replace(self, fs=directory.fs, image_ref="")
    empty = replace(self, fs=ContainerValue().fs)
    return changed(empty, locate(empty, "/"), CopyDirectory(directory.fs, directory.path, "/"))


@field("Container", "directory")
def directory(ctx: RequestContext, self: ContainerValue, *, path: str, expand: bool = False) -> DirectoryValue:
    place = locate(self, self.absolute(_expanded(self, path, expand)))
    return DirectoryValue(place.fs, place.path)


@field("Container", "file")
def file(ctx: RequestContext, self: ContainerValue, *, path: str, expand: bool = False) -> FileValue:
    place = locate(self, self.absolute(_expanded(self, path, expand)))
    return FileValue(place.fs, place.path)


@field("Container", "exists")
async def exists(
    ctx: RequestContext,
    self: ContainerValue,
    *,
    path: str,
    expected_type: str | None = None,
    do_not_follow_symlinks: bool = False,
    expand: bool = False,
) -> bool:
    place = locate_to_change(self, self.absolute(_expanded(self, path, expand)))
    union = await ctx.engine.graph.union(place.fs)
    return exists_as(union, place.path, expected_type, follow=not do_not_follow_symlinks)


@field("Container", "withDirectory")
def with_directory(
    ctx: RequestContext,
    self: ContainerValue,
    *,
    path: str,
    source: DirectoryValue,
    exclude: tuple[str, ...] = (),
    include: tuple[str, ...] = (),
    gitignore: bool = False,
    owner: str = "",
    expand: bool = False,
    permissions: int | None = None,
) -> ContainerValue:
    target = self.absolute(_expanded(self, path, expand))
    container = uncovered(self, target, files_only=True)
    place = locate_to_change(container, target)
    patterns = selection(include, exclude)
    # `permissions` are taken and not used: so does Dagger v0.21.8 here, other than in Directory.withDirectory.
    copy = CopyDirectory(source.fs, source.path, place.path, patterns, owner_of(self, owner), gitignore=gitignore)
    return changed(container, place, copy)


@field("Container", "withoutDirectory")
def without_directory(ctx: RequestContext, self: ContainerValue, *, path: str, expand: bool = False) -> ContainerValue:
    return _without(self, (_expanded(self, path, expand),))


@field("Container", "withFile")
def with_file(
    ctx: RequestContext,
    self: ContainerValue,
    *,
    path: str,
    source: FileValue,
    permissions: int | None = None,
    owner: str = "",
    expand: bool = False,
) -> ContainerValue:
    return _copy_file(self, _expanded(self, path, expand), source, owner_of(self, owner), permissions)


@field("Container", "withFiles")
def with_files(
    ctx: RequestContext,
    self: ContainerValue,
    *,
    path: str,
    sources: tuple[FileValue, ...],
    permissions: int | None = None,
    owner: str = "",
    expand: bool = False,
) -> ContainerValue:
    into = posixpath.join(_expanded(self, path, expand), "")
    result = self
    for source in sources:
        result = _copy_file(result, into, source, owner_of(self, owner), permissions)
    return result


@field("Container", "withoutFile")
def without_file(ctx: RequestContext, self: ContainerValue, *, path: str, expand: bool = False) -> ContainerValue:
    return _without(self, (_expanded(self, path, expand),))


@field("Container", "withoutFiles")
def without_files(
    ctx: RequestContext, self: ContainerValue, *, paths: tuple[str, ...], expand: bool = False
) -> ContainerValue:
    return _without(self, tuple(_expanded(self, path, expand) for path in paths))


@field("Container", "withNewFile")
def with_new_file(
    ctx: RequestContext,
    self: ContainerValue,
    *,
    path: str,
    contents: str,
    permissions: int = 0o644,
    owner: str = "",
    expand: bool = False,
) -> ContainerValue:
    path = _expanded(self, path, expand)
    check_name(path)
    name = posixpath.basename(posixpath.normpath(path))
    if name in ("", ".", ".."):
        raise PathError(f"failed to create new file {path}: is a directory")
    container, place, target = _receiving(self, path)
    new = PutNewFile(target, name, contents.encode(), permissions or 0o644, owner_of(self, owner))
    return changed(container, place, new)


@field("Container", "withSymlink")
def with_symlink(
    ctx: RequestContext, self: ContainerValue, *, target: str, link_name: str, expand: bool = False
) -> ContainerValue:
    link = self.absolute(_expanded(self, link_name, expand))
    container = uncovered(self, link)
    place = locate_to_change(container, link)
    return changed(container, place, NewSymlink(place.path, _expanded(self, target, expand)))


def _copy_file(
    container: ContainerValue, path: str, source: FileValue, owner: Owner, permissions: int | None
) -> ContainerValue:
    container, place, target = _receiving(container, path)
    return changed(container, place, CopyFile(source.fs, source.path, target, source.name, owner, permissions))


def _receiving(container: ContainerValue, path: str) -> tuple[ContainerValue, Place, str]:
    """The container as it receives a file at a path, where that is, and the path there."""
    container = uncovered(container, container.absolute(path), files_only=path.endswith("/"))
    place = locate_to_change(container, container.absolute(path))
    # A trailing slash says that the path is a directory; the absolute path has lost it.
    return container, place, posixpath.join(place.path, "") if path.endswith("/") else place.path


def _without(container: ContainerValue, paths: tuple[str, ...]) -> ContainerValue:
    result = container
    for path in paths:
        target = result.absolute(path)
        result = uncovered(result, target)
        try:
            place = locate_to_change(result, target)
        except PathError as error:
            raise PathError(f'failed to remove path "{target}": {error}') from None
        result = changed(result, place, Remove((place.path,)))
    return result
