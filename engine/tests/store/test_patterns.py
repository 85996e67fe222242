"""Include and exclude patterns."""

from __future__ import annotations

import random

import pytest

from embedded_engine.store import PatternError, Patterns, glob_matches, host_patterns, parse_ignore_file
from embedded_engine.store.rule import clean_pattern


@pytest.mark.parametrize(
    ("exclude", "path", "taken"),
    [
        pytest.param(("a",), "a", False, id="a name stands for itself"),
        pytest.param(("a",), "a/b/c", False, id="and for all below"),
        pytest.param(("a",), "b/a", True, id="but not for the same name elsewhere"),
        pytest.param(("**/a",), "b/c/a", False, id="two stars stand for any directories"),
        pytest.param(("**/a",), "a", False, id="also for none"),
        pytest.param(("a/**",), "a", True, id="what is below is not the directory itself"),
        pytest.param(("a/**",), "a/b/c", False, id="two stars at the end take all below"),
        pytest.param(("*.py",), "x.py", False, id="a star stands within a name"),
        pytest.param(("*.py",), "d/x.py", True, id="and never for a slash"),
        pytest.param(("*/*.py",), "d/x.py", False, id="one star for each directory"),
        pytest.param(("**/*.py",), "d/e/x.py", False, id="stars of both kinds"),
        pytest.param(("a?c",), "abc", False, id="a question mark is one character"),
        pytest.param(("a?c",), "a/c", True, id="that is no slash"),
        pytest.param(("[a-c]x",), "bx", False, id="a range"),
        pytest.param(("[^a]x",), "ax", True, id="a negated class"),
        pytest.param((r"\*",), "*", False, id="an escaped star is a star"),
        pytest.param((r"\*",), "x", True, id="and nothing else"),
        pytest.param(("a", "!a/b"), "a/b/c", True, id="an exception takes back"),
        pytest.param(("a", "!a/b"), "a/c", False, id="only what it names"),
        pytest.param(("!a/b", "a"), "a/b", False, id="the last pattern wins"),
        pytest.param(("*", "!**/*.md"), "docs/x.md", True, id="an exception reaches into excluded directories"),
        pytest.param((" ./a//b/ ",), "a/b", False, id="patterns are trimmed and cleaned"),
        pytest.param(("/a",), "a", True, id="a slash in front belongs to ignore files only"),
        pytest.param(("a.c",), "abc", True, id="a dot is a dot"),
        pytest.param(("x(1)+{2}$",), "x(1)+{2}$", False, id="signs of regular expressions mean themselves"),
        pytest.param(("a*",), "a\nb", False, id="a newline is a character like others"),
        pytest.param(("", "  "), "a", True, id="an empty pattern is none"),
    ],
)
def test_what_excludes_mean(exclude: tuple[str, ...], path: str, taken: bool) -> None:
    """Each rule of moby's matcher, as Dagger uses it."""
    assert Patterns(exclude=exclude).matches(path) is taken


@pytest.mark.parametrize(
    ("include", "exclude", "path", "taken"),
    [
        pytest.param(("src",), (), "src/a/b", True, id="an included directory is taken whole"),
        pytest.param(("src",), (), "test", False, id="the rest is not"),
        pytest.param(("src",), ("**/*.pyc",), "src/a.pyc", False, id="excludes win over includes"),
        pytest.param(("**", "!src"), (), "src/a", False, id="includes have exceptions too"),
        pytest.param(("src/*.py",), (), "src", False, id="a parent is not taken itself"),
    ],
)
def test_what_includes_mean(include: tuple[str, ...], exclude: tuple[str, ...], path: str, taken: bool) -> None:
    """A path is taken when it is included and not excluded."""
    assert Patterns(include, exclude).matches(path) is taken


def test_selection_keeps_parents_of_what_is_taken() -> None:
    """Directories that hold something taken are there, in order, empty ones are not."""
    entries = dict.fromkeys(["", "a", "a/b", "a/b/x.py", "a/c", "a/c/y", "d"], 0)
    assert list(Patterns(include=("**/*.py",)).select(entries)) == ["", "a", "a/b", "a/b/x.py"]
    assert list(Patterns(exclude=("a", "!a/c/y")).select(entries)) == ["", "a", "a/c", "a/c/y", "d"]
    assert Patterns().select(entries) == entries


def test_directories_that_can_hold_nothing_are_not_entered() -> None:
    """A walk need not read what no pattern can take."""

    def enters(patterns: Patterns, path: str) -> bool:
        selection = patterns.root()
        for count in range(len(words := path.split("/"))):
            selection = selection.enter("/".join(words[: count + 1]))
        return selection.descends

    assert not enters(Patterns(exclude=(".venv",)), ".venv")
    assert not enters(Patterns(exclude=(".venv", "!src/x")), ".venv")
    assert enters(Patterns(exclude=(".venv", "!.venv/x")), ".venv")
    assert enters(Patterns(exclude=(".venv", "!**/x")), ".venv")
    assert enters(Patterns(include=("a/b",)), "a")
    assert not enters(Patterns(include=("a/b",)), "c")
    assert enters(Patterns(include=("a/b",)), "a/b/c")
    assert enters(Patterns(include=("**/x",)), "c")


@pytest.mark.parametrize("seed", range(20))
def test_walking_takes_what_matching_each_path_takes(seed: int) -> None:
    """Skipping directories changes nothing: it only saves reading them."""
    chance = random.Random(seed)
    parts = ["a", "b", "*", "**", "?", "a*", "**/b", "[ab]"]
    patterns = [
        ("!" if chance.random() < 0.3 else "") + "/".join(chance.choices(parts, k=chance.randint(1, 3)))
        for _ in range(chance.randint(1, 4))
    ]
    split = chance.randint(0, len(patterns))
    wanted = Patterns(tuple(patterns[:split]), tuple(patterns[split:]))
    every = ["a", "b", "a/a", "a/b", "b/a", "b/b", "a/a/a", "a/a/b", "a/b/a", "b/a/a", "b/b/b"]
    walked: list[str] = []
    pending = [("", wanted.root())]
    while pending:
        directory, selection = pending.pop()
        for path in every:
            if path.rpartition("/")[0] == directory:
                inner = selection.enter(path)
                assert inner.taken is selection.takes(path)
                if inner.taken:
                    walked.append(path)
                if inner.descends:
                    pending.append((path, inner))
    assert sorted(walked) == [path for path in sorted(every) if wanted.matches(path)]


@pytest.mark.parametrize("pattern", ["[", "a[", "[]", "[^]", "!", "a\\", "[b-a]"])
def test_a_malformed_pattern_is_named(pattern: str) -> None:
    """A pattern that cannot be read is refused in one line."""
    with pytest.raises(PatternError, match="syntax error in pattern"):
        Patterns(exclude=(pattern,)).matches("x")


def test_ignore_files_are_read_as_docker_does() -> None:
    """Comments, blank lines, a byte order mark, slashes in front and exceptions."""
    text = "\ufeff# comment\n\n  /node_modules/ \r\n!/keep/me\n ! spaced\n./a/../b\n /\n#x\n"
    assert parse_ignore_file(text) == ("node_modules", "!keep/me", "!spaced", "b", "/")


def test_patterns_for_the_host_stay_inside() -> None:
    """Those that lead out of the directory are dropped, a dot stands for everything."""
    patterns = host_patterns(["../x", "/etc", "a/../../b", "src/"], [".", "!.", "", "!../y", "./z"])
    assert patterns == Patterns(("src",), ("*", "!*", "z"))


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [("*", "a", True), ("*", "a/b", False), ("**", "a/b", True), ("a", "a/b", False), ("**/*.py", "x.py", True)],
)
def test_a_glob_matches_the_path_itself(pattern: str, path: str, matches: bool) -> None:
    """Unlike an include, a glob does not stand for what is below."""
    assert glob_matches(pattern, path) is matches


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [("a//b/", "a/b"), ("/..", "/"), ("../a", "../a"), ("a/../..", ".."), ("", "."), ("//a", "/a")],
)
def test_patterns_have_one_spelling(pattern: str, expected: str) -> None:
    """Cleaning follows the words of a path only."""
    assert clean_pattern(pattern) == expected
