"""Changesets, patches and searches: what counts as a change, and how it is told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import dagger
import pytest
from dagger import DiffStatKind, dag

Failure = Callable[[Awaitable[object]], Awaitable[str]]
Change = Callable[[dagger.Directory], dagger.Directory]


def base() -> dagger.Directory:
    """Files, an empty directory and a link."""
    files = (
        dag.directory().with_new_file("keep", "k\n").with_new_file("edit", "1\n2\n3\n").with_new_file("gone/a", "a\n")
    )
    return files.with_new_directory("void").with_symlink("keep", "link")


def again(name: str, permissions: int) -> Change:
    """A file of the same contents with another mode."""
    return lambda made: made.with_file(name, made.file(name), permissions=permissions)


@pytest.mark.parametrize(
    ("change", "added", "modified", "removed"),
    [
        pytest.param(lambda made: made.with_new_file("keep", "k\n"), [], [], [], id="the same again"),
        pytest.param(again("keep", 0o600), [], [], [], id="another mode"),
        pytest.param(again("keep", 0o755), [], ["keep"], [], id="executable"),
        pytest.param(lambda made: made.with_timestamps(1).chown("keep", "5"), [], [], [], id="time and owner"),
        pytest.param(
            lambda made: made.without_file("link").with_symlink("edit", "link"), [], ["link"], [], id="another link"
        ),
        pytest.param(
            lambda made: made.without_file("link").with_new_file("link", "k\n"), [], ["link"], [], id="link to file"
        ),
        pytest.param(lambda made: made.with_new_file("void/x", ""), ["void/x"], [], [], id="a file in a directory"),
        pytest.param(
            lambda made: made.with_file("moved", made.file("edit")).without_file("edit"),
            ["moved"],
            [],
            ["edit"],
            id="moved",
        ),
    ],
)
async def test_what_is_a_change(change: Change, added: list[str], modified: list[str], removed: list[str]) -> None:
    """Contents, kinds and the executable bit make changes."""
    changes = change(base()).changes(base())
    told = (await changes.added_paths(), await changes.modified_paths(), await changes.removed_paths())
    assert told == (added, modified, removed)
    assert await changes.is_empty() == (not added + modified + removed)


async def test_directories_alone_are_told_and_make_no_change() -> None:
    """A changeset of empty directories is empty, though it names them."""
    changes = base().without_directory("void").with_new_directory("new").changes(base())
    assert (await changes.added_paths(), await changes.removed_paths()) == (["new/"], ["void/"])
    assert await changes.is_empty()
    assert await changes.as_patch().contents() == ""


async def test_lines_of_a_change() -> None:
    """Lines are counted for each file, and a file that moved with changes is known."""
    made = base().with_new_file("edit", "1\nx\n3\n4\n").with_new_file("n", "a\nb").without_directory("gone")
    told = [
        (await each.path(), await each.kind(), await each.added_lines(), await each.removed_lines())
        for each in await made.changes(base()).diff_stats()
    ]
    assert ("edit", DiffStatKind.MODIFIED, 2, 1) in told
    assert ("n", DiffStatKind.RENAMED, 1, 0) in told


async def test_changes_of_a_file_that_is_other() -> None:
    """A change replaces what another directory has, whatever that is, and does not miss what is not there."""
    other = dag.directory().with_new_file("edit", "other")
    made = base().with_new_file("edit", "new").without_file("keep")
    assert await other.with_changes(made.changes(base())).file("edit").contents() == "new"
    assert await other.with_changes(base().without_file("keep").changes(base())).glob("**") == ["edit"]


@pytest.mark.parametrize(
    ("header", "name"),
    [
        pytest.param("--- a/edit\n+++ b/edit\n", "edit", id="with prefixes"),
        pytest.param("--- edit\n+++ edit\n", "edit", id="without"),
        pytest.param("diff --git a/edit b/edit\n--- a/edit\n+++ b/edit\n", "edit", id="git's own"),
    ],
)
async def test_patches(header: str, name: str) -> None:
    """A patch is applied, with or without a prefix before its names."""
    patch = f"{header}@@ -1,3 +1,3 @@\n 1\n-2\n+two\n 3\n"
    assert await base().with_patch(patch).file(name).contents() == "1\ntwo\n3\n"


async def test_patches_of_nothing() -> None:
    """A text without a patch changes nothing."""
    for text in ("", "nonsense"):
        assert await base().with_patch(text).entries() == await base().entries()


async def test_searches() -> None:
    """Lines are found by their patterns; what is no text is not searched."""
    found = await base().with_new_file("binary", "k\0\n").search(pattern="^[k2]$")
    told = sorted([(await each.file_path(), await each.line_number(), await each.matched_lines()) for each in found])
    assert told == [("edit", 2, "2\n"), ("keep", 1, "k\n")]
    (several,) = await base().search(pattern="1\\n2", multiline=True)
    assert await several.matched_lines() == "1\n2\n"
    assert await base().search(pattern="[", literal=True) == []


async def test_replacements(failure: Failure) -> None:
    """One place is replaced, if it is the only one; all are on demand."""
    file = dag.file("f", "one two one\n")
    assert await file.with_replaced("two", "2").contents() == "one 2 one\n"
    assert await file.with_replaced("one", "1", all=True).contents() == "1 two 1\n"
    assert await failure(file.with_replaced("three", "3").contents()) == "search string not found"
    assert "search string found multiple times" in await failure(file.with_replaced("one", "1").contents())
