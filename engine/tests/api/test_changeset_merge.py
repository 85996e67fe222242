"""Changesets merged with each other, and their lines counted."""

from __future__ import annotations

import dagger
import pytest
from dagger import dag

Conflict = dagger.ChangesetMergeConflict


def base() -> dagger.Directory:
    """What is there before."""
    lines = "".join(f"line {number}\n" for number in range(9))
    return dag.directory().with_new_file("file", lines).with_new_file("other", "x\n")


def edited(old: str, new: str) -> dagger.Directory:
    """The file with a line replaced."""
    return base().with_file("file", base().file("file").with_replaced(old, new))


async def test_changes_of_different_places_merge(connected: None) -> None:
    """Two edits of one file far from each other, and files of their own, are all in the result."""
    first = edited("line 0", "first").with_new_file("new/one", "1").changes(base())
    second = edited("line 8", "last").with_new_file("two", "2").without_file("other").changes(base())
    merged = first.with_changeset(second)
    text = await merged.after().file("file").contents()
    assert text.startswith("first\nline 1")
    assert text.endswith("line 7\nlast\n")
    assert await merged.added_paths() == ["new/", "new/one", "two"]
    assert await merged.removed_paths() == ["other"]
    three = first.with_changesets([second, base().with_new_file("three", "3").changes(base())])
    assert await three.added_paths() == ["new/", "new/one", "three", "two"]


@pytest.mark.parametrize("strategy", [Conflict.FAIL, Conflict.FAIL_EARLY])
async def test_conflict_is_told(connected: None, strategy: dagger.ChangesetMergeConflict) -> None:
    """Two edits of one line fail with the path, before or by the merge."""
    first, second = edited("line 4", "ours").changes(base()), edited("line 4", "theirs").changes(base())
    with pytest.raises(dagger.QueryError, match=r"conflict.*file"):
        await first.with_changeset(second, on_conflict=strategy).after().sync()


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        (Conflict.PREFER_OURS, ["ours"]),
        (Conflict.PREFER_THEIRS, ["theirs"]),
        (Conflict.LEAVE_CONFLICT_MARKERS, ["<<<<<<<", "ours", "theirs"]),
    ],
)
async def test_conflict_is_settled(
    connected: None, strategy: dagger.ChangesetMergeConflict, expected: list[str]
) -> None:
    """One side wins, or both stay with markers."""
    first, second = edited("line 4", "ours").changes(base()), edited("line 4", "theirs").changes(base())
    text = await first.with_changeset(second, on_conflict=strategy).after().file("file").contents()
    assert [word for word in ("<<<<<<<", "ours", "theirs") if word in text.replace("side-", "")] == expected


@pytest.mark.parametrize(
    ("strategy", "there"),
    [(Conflict.PREFER_OURS, True), (Conflict.PREFER_THEIRS, False), (Conflict.LEAVE_CONFLICT_MARKERS, True)],
)
async def test_changed_here_and_removed_there(
    connected: None, strategy: dagger.ChangesetMergeConflict, there: bool
) -> None:
    """A file that one side changed and the other removed is there or not as the strategy has it."""
    first, second = edited("line 4", "ours").changes(base()), base().without_file("file").changes(base())
    assert await first.with_changeset(second, on_conflict=strategy).after().exists("file") is there


async def test_lines_are_counted(connected: None) -> None:
    """Added, changed, moved and removed files, with their lines."""
    after = (
        edited("line 4", "new 4\nmore")
        .without_file("other")
        .with_new_file("dir/added", "1\n2\n")
        .with_new_file("binary", "\x00")
    )
    moved = after.with_file("moved", after.file("file")).without_file("file")
    stats = [
        (await each.path(), await each.kind(), await each.added_lines(), await each.removed_lines())
        for each in await after.changes(base()).diff_stats()
    ]
    kind = dagger.DiffStatKind
    assert stats == [
        ("binary", kind.ADDED, 0, 0),
        ("dir/", kind.ADDED, 0, 0),
        ("dir/added", kind.ADDED, 2, 0),
        ("file", kind.MODIFIED, 2, 1),
        ("other", kind.REMOVED, 0, 1),
    ]
    renamed = [each for each in await moved.changes(base()).diff_stats() if await each.path() == "moved"]
    assert await renamed[0].kind() == kind.RENAMED
    assert await renamed[0].old_path() == "file"
