"""Differences between directories: as paths, as a layer, as a patch, exported and applied."""

from __future__ import annotations

import os
from pathlib import Path

import dagger
import pytest
from dagger import dag


def before() -> dagger.Directory:
    """A directory with something to keep, to change and to remove."""
    return (
        dag.directory()
        .with_new_file("keep", "kept\n")
        .with_new_file("edit", "one\ntwo\nthree\n")
        .with_new_file("gone/a", "a\n")
        .with_new_file("gone/b", "b\n")
        .with_new_file("script", "echo\n")
    )


def after() -> dagger.Directory:
    """The same after work."""
    return (
        before()
        .with_new_file("edit", "one\n2\nthree\n")
        .without_directory("gone")
        .with_new_file("new/deep/file", "new\n")
        .with_new_directory("empty")
        .with_file("script", before().file("script"), permissions=0o755)
    )


async def test_changed_paths(connected: None) -> None:
    """Directories end with a slash, and a removed one stands for what was in it; the executable bit is a change."""
    changes = after().changes(before())
    assert await changes.added_paths() == ["empty/", "new/", "new/deep/", "new/deep/file"]
    assert await changes.modified_paths() == ["edit", "script"]
    assert await changes.removed_paths() == ["gone/"]
    assert not await changes.is_empty()
    assert await changes.before().entries() == ["edit", "gone/", "keep", "script"]
    assert await changes.after().entries() == ["edit", "empty/", "keep", "new/", "script"]


async def test_times_and_owners_are_no_changes(connected: None) -> None:
    """Another modification time or owner leaves a changeset empty."""
    other = before().with_timestamps(5).chown("keep", "1000:1000")
    assert await other.changes(before()).is_empty()
    assert await dag.changeset().is_empty()


async def test_layer_holds_what_came_or_changed(connected: None) -> None:
    """The layer, as the diff of two directories, has new and other files only."""
    assert await after().changes(before()).layer().glob("**") == [
        "edit",
        "empty/",
        "new/",
        "new/deep/",
        "new/deep/file",
        "script",
    ]
    assert await before().diff(after()).file("edit").contents() == "one\n2\nthree\n"


async def test_changes_apply_to_another_directory(connected: None) -> None:
    """Applied to a third directory, changes add, replace and remove, and leave the rest."""
    third = before().with_new_file("own", "mine")
    changed = third.with_changes(after().changes(before()))
    assert await changed.entries() == ["edit", "empty/", "keep", "new/", "own", "script"]
    assert await changed.file("edit").contents() == "one\n2\nthree\n"


async def test_changes_apply_below_a_directory(connected: None) -> None:
    """Applied to a subdirectory, changes are made there."""
    nested = dag.directory().with_directory("sub", before()).directory("sub")
    assert await nested.with_changes(after().changes(before())).entries() == [
        "edit",
        "empty/",
        "keep",
        "new/",
        "script",
    ]


async def test_file_and_directory_change_places(connected: None) -> None:
    """A file in place of a directory, and the other way round, is one removed and one added path."""
    old = dag.directory().with_new_file("a/x", "1").with_new_file("b", "2")
    new = dag.directory().with_new_file("a", "1").with_new_file("b/y", "2")
    changes = new.changes(old)
    assert await changes.added_paths() == ["a", "b/", "b/y"]
    assert await changes.removed_paths() == ["a/", "b"]
    assert await old.with_changes(changes).glob("**") == ["a", "b/", "b/y"]


async def test_patch_is_made_and_applied(connected: None) -> None:
    """The patch of a changeset, applied to the directory before, makes the one after."""
    patch = after().changes(before()).as_patch()
    text = await patch.contents()
    assert "-two\n+2\n" in text
    assert "diff --git a/edit b/edit" in text
    applied = before().with_patch_file(patch)
    assert await applied.entries() == ["edit", "keep", "new/", "script"]
    assert await applied.file("edit").contents() == "one\n2\nthree\n"
    assert await applied.file("new/deep/file").contents() == "new\n"
    assert await applied.file("script").stat().permissions() & 0o111
    assert not await applied.exists("gone/a")


async def test_patch_with_odd_names_and_binary_content(connected: None) -> None:
    """Names with spaces, quotes and letters beyond ASCII, and binary content, go through a patch."""
    names = ["with space", 'quo"te', "tab\there", "größe"]
    old = dag.directory().with_new_file("binary", "\x00\x01")
    new = old.with_new_file("binary", "\x00\x02")
    for name in names:
        new = new.with_new_file(name, name)
    applied = old.with_patch_file(new.changes(old).as_patch())
    assert sorted(await applied.entries()) == sorted(["binary", *names])
    assert await applied.file("binary").digest(exclude_metadata=True) == await new.file("binary").digest(
        exclude_metadata=True
    )


async def test_patch_that_does_not_fit_is_told(connected: None) -> None:
    """A patch for other content fails with what git says."""
    patch = "--- a/edit\n+++ b/edit\n@@ -1 +1 @@\n-nothing like it\n+x\n"
    with pytest.raises(dagger.QueryError, match="git apply"):
        await before().with_patch(patch).sync()


async def test_patch_cannot_leave_the_directory(connected: None) -> None:
    """A patch that names a path outside changes nothing there."""
    tree = dag.directory().with_new_file("outside", "1").with_new_file("in/file", "1")
    patch = "--- a/../outside\n+++ b/../outside\n@@ -1 +1 @@\n-1\n\\ No newline at end of file\n+2\n"
    with pytest.raises(dagger.QueryError, match="git apply"):
        await tree.directory("in").with_patch(patch).sync()


async def test_export_of_changes(connected: None, tmp_path: Path) -> None:
    """Exported to the host, changes remove, add and replace, and leave what they do not name."""
    for name, text in {"keep": "mine", "edit": "old", "gone/a": "a", "other": "o"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert await after().changes(before()).export(str(tmp_path)) == str(tmp_path)
    entries = sorted(os.scandir(tmp_path), key=lambda each: each.name)
    assert [each.name for each in entries] == ["edit", "empty", "keep", "new", "other", "script"]
    assert (tmp_path / "edit").read_text() == "one\n2\nthree\n"
    assert (tmp_path / "keep").read_text() == "mine"
