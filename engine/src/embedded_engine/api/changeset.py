"""Changeset: the difference between two directories, looked at, exported, or applied to a third one."""

from __future__ import annotations

import asyncio
import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from embedded_engine.api.values import SCRATCH, DirectoryValue, FileValue
from embedded_engine.binding import RequestContext, attributes, field
from embedded_engine.graph import Patch
from embedded_engine.graph.changes import NewFile
from embedded_engine.graph.comparison import Differences
from embedded_engine.graph.difference import ApplyDifference, Place, differences
from embedded_engine.graph.export import ExportError, export_directory
from embedded_engine.graph.patches import ApplyPatch, MakePatch

PATCH = "/diff.patch"
attributes("Changeset", "before", "after")


@dataclass(frozen=True)
class ChangesetValue:
    """What leads from one directory to another."""

    TYPE: ClassVar[str] = "Changeset"

    before: DirectoryValue
    after: DirectoryValue

    @property
    def places(self) -> tuple[Place, Place]:
        """Before and after, as the graph knows them."""
        return Place(self.before.fs, self.before.path), Place(self.after.fs, self.after.path)


@field("Query", "changeset")
def new_changeset(ctx: RequestContext, self: object) -> ChangesetValue:
    return ChangesetValue(DirectoryValue(), DirectoryValue())


@field("Directory", "changes")
def changes(ctx: RequestContext, self: DirectoryValue, *, from_: DirectoryValue) -> ChangesetValue:
    return ChangesetValue(from_, self)


@field("Directory", "diff")
def diff(ctx: RequestContext, self: DirectoryValue, *, other: DirectoryValue) -> DirectoryValue:
    return layer(ctx, ChangesetValue(self, other))


@field("Directory", "withChanges")
def with_changes(ctx: RequestContext, self: DirectoryValue, *, changes: ChangesetValue) -> DirectoryValue:
    change = ApplyDifference(*changes.places, path=self.path, remove=True)
    return replace(self, fs=Patch(self.fs, change))


@field("Directory", "withPatch")
def with_patch(ctx: RequestContext, self: DirectoryValue, *, patch: str) -> DirectoryValue:
    file = Patch(SCRATCH, NewFile(PATCH, patch.encode()))
    return with_patch_file(ctx, self, patch=FileValue(file, PATCH))


@field("Directory", "withPatchFile")
def with_patch_file(ctx: RequestContext, self: DirectoryValue, *, patch: FileValue) -> DirectoryValue:
    return replace(self, fs=Patch(self.fs, ApplyPatch(self.fs, self.path, patch.fs, patch.path)))


@field("Changeset", "sync")
async def sync(ctx: RequestContext, self: ChangesetValue) -> ChangesetValue:
    await _differences(ctx, self)
    return self


@field("Changeset", "addedPaths")
async def added_paths(ctx: RequestContext, self: ChangesetValue) -> tuple[str, ...]:
    return (await _differences(ctx, self)).added


@field("Changeset", "modifiedPaths")
async def modified_paths(ctx: RequestContext, self: ChangesetValue) -> tuple[str, ...]:
    return (await _differences(ctx, self)).modified


@field("Changeset", "removedPaths")
async def removed_paths(ctx: RequestContext, self: ChangesetValue) -> tuple[str, ...]:
    return (await _differences(ctx, self)).removed


@field("Changeset", "isEmpty")
async def is_empty(ctx: RequestContext, self: ChangesetValue) -> bool:
    return (await _differences(ctx, self)).empty


@field("Changeset", "layer")
def layer(ctx: RequestContext, self: ChangesetValue) -> DirectoryValue:
    return DirectoryValue(Patch(SCRATCH, ApplyDifference(*self.places)))


@field("Changeset", "asPatch")
def as_patch(ctx: RequestContext, self: ChangesetValue) -> FileValue:
    return FileValue(Patch(SCRATCH, MakePatch(*self.places, path=PATCH)), PATCH)


@field("Changeset", "export")
async def export(ctx: RequestContext, self: ChangesetValue, *, path: str) -> str:
    """Bring the changes to a directory of this machine: removed paths go, new and other files come."""
    found = await _differences(ctx, self)
    union = await ctx.engine.graph.union(layer(ctx, self).fs)
    target = Path(ctx.engine.workdir, path)

    def write() -> None:
        _remove(target, found.removed)
        export_directory(union, "/", target)

    await asyncio.to_thread(write)
    return str(target)


def _remove(target: Path, paths: tuple[str, ...]) -> None:
    """Take paths away; a link among their parents is not followed."""
    for path in paths:
        place = target / path
        parents = [target / parent for parent in Path(path).parents if parent.name]
        if any(parent.is_symlink() for parent in parents) or not os.path.lexists(place):
            continue
        try:
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
            else:
                place.unlink()
        except OSError as error:
            raise ExportError(f"cannot remove {place}: {error.strerror}") from None


async def _differences(ctx: RequestContext, changeset: ChangesetValue) -> Differences:
    return await differences(ctx.engine.graph, *changeset.places)
