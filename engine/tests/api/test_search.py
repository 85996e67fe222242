"""Search in files, replacement of text, and looking for a name upwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagger
import pytest
from dagger import dag


def tree() -> dagger.Directory:
    """Text in several places."""
    return (
        dag.directory()
        .with_new_file("a.py", "import os\nprint('Hello')\nhello = 1 # hello\n")
        .with_new_file("sub/b.txt", "say hello\n")
        .with_new_file(".hidden", "hello\n")
        .with_new_file("ignored.log", "hello\n")
        .with_new_file(".gitignore", "*.log\n")
    )


async def hits(results: list[dagger.SearchResult]) -> list[tuple[str, int, int, str]]:
    """Results as tuples."""
    return [
        (await each.file_path(), await each.line_number(), await each.absolute_offset(), await each.matched_lines())
        for each in results
    ]


async def test_lines_with_their_places(connected: None) -> None:
    """A result has the file, the line's number and offset, the line, and where in it the matches are."""
    found = await tree().search(pattern="hello", paths=["a.py"])
    assert await hits(found) == [("a.py", 3, 25, "hello = 1 # hello\n")]
    places = [(await each.start(), await each.end(), await each.text()) for each in await found[0].submatches()]
    assert places == [(0, 5, "hello"), (12, 17, "hello")]


@pytest.mark.parametrize(
    ("options", "files"),
    [
        ({}, [".hidden", "a.py", "ignored.log", "sub/b.txt"]),
        ({"skip_hidden": True}, ["a.py", "ignored.log", "sub/b.txt"]),
        ({"skip_ignored": True}, [".hidden", "a.py", "sub/b.txt"]),
        ({"globs": ["*.txt"]}, ["sub/b.txt"]),
        ({"globs": ["!*.py"]}, [".hidden", "ignored.log", "sub/b.txt"]),
        ({"globs": ["*.{py,txt}"]}, ["a.py", "sub/b.txt"]),
        ({"paths": ["sub"]}, ["sub/b.txt"]),
    ],
    ids=["all", "no hidden ones", "no ignored ones", "a glob", "all but a glob", "either", "below a path"],
)
async def test_files_that_are_searched(connected: None, options: dict[str, Any], files: list[str]) -> None:
    """Hidden and ignored files are searched unless skipped; globs and paths choose."""
    found = await tree().with_new_directory(".git").search(pattern="hello", files_only=True, **options)
    assert sorted([await each.file_path() for each in found]) == files


async def test_gitignore_counts_in_a_repository_only(connected: None) -> None:
    """Without a git repository its ignore files say nothing; `.ignore` always does."""
    assert len(await tree().search(pattern="hello", files_only=True, skip_ignored=True)) == 4
    ignoring = tree().with_new_file(".ignore", "*.py\n")
    assert len(await ignoring.search(pattern="hello", files_only=True, skip_ignored=True)) == 3


async def test_number_of_results_is_bounded(connected: None) -> None:
    """No more lines than the limit."""
    assert len(await tree().search(pattern="hello", limit=2)) == 2


async def test_pattern_options(connected: None) -> None:
    """Literal, case-insensitive and multi-line patterns."""
    file = dag.directory().with_new_file("f", "a.c\nabc\nA.C\nstart\nend\n").file("f")
    assert [hit[1] for hit in await hits(await file.search(pattern="a.c"))] == [1, 2]
    assert [hit[1] for hit in await hits(await file.search(pattern="a.c", literal=True))] == [1]
    assert [hit[1] for hit in await hits(await file.search(pattern="a\\.c", insensitive=True))] == [1, 3]
    spans = await hits(await file.search(pattern="start.end", multiline=True, dotall=True))
    assert spans == [("f", 4, 12, "start\nend\n")]


@pytest.mark.parametrize(
    ("pattern", "problem"), [("(", "not a regular expression|regex parse error"), ("a\nb", "multiline")]
)
async def test_patterns_that_cannot_be_searched(connected: None, pattern: str, problem: str) -> None:
    """A bad pattern is told, and a line end needs the multi-line option."""
    with pytest.raises(dagger.QueryError, match=problem):
        await tree().search(pattern=pattern)


async def test_search_stays_inside(connected: None) -> None:
    """A path that leads out of the directory is refused."""
    with pytest.raises(dagger.QueryError, match="path cannot escape directory"):
        await tree().search(pattern="x", paths=["../etc"])


async def test_replaced_text(connected: None) -> None:
    """The only occurrence, all, or the first from a line on; the mode stays."""
    file = dag.directory().with_new_file("f", "one\ntwo two\none\n", permissions=0o750).file("f")
    assert await file.with_replaced("two two", "2").contents() == "one\n2\none\n"
    assert await file.with_replaced("one", "1", all=True).contents() == "1\ntwo two\n1\n"
    assert await file.with_replaced("one", "1", first_from=2).contents() == "one\ntwo two\n1\n"
    assert await file.with_replaced("none", "x", all=True).contents() == "one\ntwo two\none\n"
    assert await file.with_replaced("one", "1", all=True).stat().permissions() == 0o750


@pytest.mark.parametrize(
    ("search", "problem"),
    [("none", "search string not found"), ("one", r"found multiple times: line 1 \(0-3\), line 2 \(0-3\)")],
    ids=["missing", "ambiguous"],
)
async def test_replacement_that_is_not_clear(connected: None, search: str, problem: str) -> None:
    """A text that is missing or ambiguous is told with its places."""
    with pytest.raises(dagger.QueryError, match=problem):
        await dag.directory().with_new_file("f", "one\none\n").file("f").with_replaced(search, "x").contents()


async def test_find_up_in_a_directory(connected: None) -> None:
    """The nearest file of a name, from a directory upwards, relative to the top; null if there is none."""
    deep = dag.directory().with_new_file("x", "").with_new_file("a/b/y", "").with_new_file("a/x", "")
    assert await deep.find_up("x", "a/b") == "a/x"
    assert await deep.find_up("y", "a/b") == "a/b/y"
    assert await deep.find_up("none", "a/b") in (None, "")


async def test_find_up_on_the_host(connected: None, workdir: Path) -> None:
    """On the host the search begins where the session was started."""
    (workdir / "found-up").write_text("")
    assert await dag.host().find_up("found-up") == "found-up"
    assert await dag.host().find_up("surely/not/there") in (None, "")
