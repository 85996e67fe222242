"""Wildcards in paths that are removed, and in those that a Dockerfile copies."""

from __future__ import annotations

import dagger
import pytest
from dagger import dag

NAMES = ("a.txt", "b.txt", "ab.txt", "!.txt", "[id].txt", "sub/x.py", "sub/deep/y.py")


def tree() -> dagger.Directory:
    """Names that patterns could be, and a link to a directory."""
    made = dag.directory()
    for name in NAMES:
        made = made.with_new_file(name, name)
    return made.with_symlink("sub", "link")


async def gone(made: dagger.Directory) -> list[str]:
    """The names that are no longer there."""
    left = await made.glob("**")
    return [name for name in NAMES if name not in left]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        pytest.param("*.txt", ["a.txt", "b.txt", "ab.txt", "!.txt", "[id].txt"], id="a star"),
        pytest.param("?.txt", [], id="no pattern without a star"),
        pytest.param("[id].txt", ["[id].txt"], id="a name in brackets"),
        pytest.param("[ab].t*", ["a.txt", "b.txt"], id="a class with a star"),
        pytest.param("[^a].t*", ["b.txt", "!.txt"], id="all but a class"),
        pytest.param("[!a].t*", ["a.txt", "!.txt"], id="an exclamation mark is a member"),
        pytest.param("?.t*", ["a.txt", "b.txt", "!.txt"], id="one character with a star"),
        pytest.param("sub/*", ["sub/x.py", "sub/deep/y.py"], id="all of a directory"),
        pytest.param("**/y.py", [], id="two stars are one"),
        pytest.param("*/*/y.py", ["sub/deep/y.py"], id="a star for each name"),
        pytest.param("link/*.py", ["sub/x.py"], id="after a link"),
        pytest.param("l*/x.py", [], id="not through a link that matches"),
        pytest.param("a.txt/*", [], id="below a file"),
        pytest.param("[a*", [], id="not understood"),
    ],
)
async def test_removals(pattern: str, expected: list[str]) -> None:
    """A path with a star is a pattern, whose stars stay within one name; without a star it is a name."""
    assert await gone(tree().without_file(pattern)) == expected
    assert await gone(dag.container().with_rootfs(tree()).without_file(f"/{pattern}").rootfs()) == expected


async def test_a_removal_where_nothing_is() -> None:
    """The way to a pattern must be there; a plain path need not."""
    assert await gone(tree().without_file("nowhere/x")) == []
    with pytest.raises(dagger.QueryError, match="nowhere: no such file or directory"):
        await tree().without_file("nowhere/*").entries()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("[ab].txt", ["a.txt", "b.txt"], id="a class"),
        pytest.param("[^a]?.txt", [], id="all but a class"),
        pytest.param("a?.txt", ["ab.txt"], id="one character"),
        pytest.param("[[]id].txt", ["[id].txt"], id="a name in brackets"),
        pytest.param("sub/*/y.py", ["y.py"], id="a directory"),
        pytest.param("s*", ["deep/", "deep/y.py", "x.py"], id="the contents of a directory"),
        pytest.param("*.zip", [], id="nothing"),
    ],
)
async def test_copies_of_a_dockerfile(source: str, expected: list[str]) -> None:
    """In a Dockerfile a question mark or a class make a pattern, too."""
    built = tree().with_new_file("Dockerfile", f"FROM scratch\nCOPY a.txt /there/\nCOPY {source} /x/\n").docker_build()
    assert await built.rootfs().glob("x/**") == [f"x/{path}" for path in expected]


async def test_a_selection_of_nothing() -> None:
    """A blank pattern includes nothing and excludes nothing."""
    assert await tree().filter(include=[""]).entries() == []
    assert await gone(tree().filter(exclude=[""])) == []
