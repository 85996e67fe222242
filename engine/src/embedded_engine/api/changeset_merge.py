"""Changeset: merged with others, and counted line by line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from embedded_engine.api.changeset import ChangesetValue
from embedded_engine.api.values import DirectoryValue
from embedded_engine.binding import RequestContext, attributes, field
from embedded_engine.graph import Patch
from embedded_engine.graph.changes import CopyDirectory
from embedded_engine.graph.difference import Place, differences
from embedded_engine.graph.merging import MergeChanges, OnConflict, check
from embedded_engine.graph.patches import line_counts
from embedded_engine.store import Patterns

attributes("DiffStat", "path", "oldPath", "kind", "addedLines", "removedLines")


@dataclass(frozen=True)
class DiffStatValue:
    """What happened to one path: lines are 0 for directories and for binary files."""

    TYPE: ClassVar[str] = "DiffStat"

    path: str
    kind: str
    old_path: str | None = None
    added_lines: int = 0
    removed_lines: int = 0


@field("Changeset", "diffStats")
async def diff_stats(ctx: RequestContext, self: ChangesetValue) -> tuple[DiffStatValue, ...]:
    """Every path that changed, sorted; a file that was moved is one entry."""
    found = await differences(ctx.engine.graph, *self.places)
    counts = await line_counts(ctx.engine.graph, *self.places)
    moved = {each.old for each in counts.values() if each.old}
    stats = []
    for paths, kind in ((found.added, "ADDED"), (found.modified, "MODIFIED"), (found.all_removed, "REMOVED")):
        for path in paths:
            if kind == "REMOVED" and path in moved:
                continue
            lines = counts.get(path)
            old = lines.old if lines is not None and kind == "ADDED" else None
            shown = "RENAMED" if old else kind
            stats.append(DiffStatValue(path, shown, old, lines.added if lines else 0, lines.removed if lines else 0))
    return tuple(sorted(stats, key=lambda each: each.path))


@field("Changeset", "withChangeset")
async def with_changeset(
    ctx: RequestContext, self: ChangesetValue, *, changes: ChangesetValue, on_conflict: str = "FAIL"
) -> ChangesetValue:
    return await _merged(ctx, (self, changes), OnConflict[on_conflict])


@field("Changeset", "withChangesets")
async def with_changesets(
    ctx: RequestContext, self: ChangesetValue, *, changes: tuple[ChangesetValue, ...], on_conflict: str = "FAIL"
) -> ChangesetValue:
    return await _merged(ctx, (self, *changes), OnConflict[on_conflict]) if changes else self


async def _merged(ctx: RequestContext, sides: tuple[ChangesetValue, ...], on_conflict: OnConflict) -> ChangesetValue:
    """What leads from all that was before, put together, to all changes on it."""
    if on_conflict is OnConflict.FAIL_EARLY:
        check([await differences(ctx.engine.graph, *each.places) for each in sides])
    before = sides[0].before
    for other in sides[1:]:
        if other.before != before:
            copy = CopyDirectory(other.before.fs, other.before.path, before.path, Patterns(exclude=(".git",)))
            before = DirectoryValue(Patch(before.fs, copy), before.path)
    merge = MergeChanges(Place(before.fs, before.path), tuple(each.places for each in sides), on_conflict)
    return ChangesetValue(before, DirectoryValue(Patch(before.fs, merge), before.path))
