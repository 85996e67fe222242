"""What `.gitignore` files leave out, judged by git itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from dagger import dag

CASES = {
    "names and extensions": ("*.pyc\nbuild\n", ["a.pyc", "x/b.pyc", "build/out", "src/build", "keep"]),
    "only at the top": ("/dist\n", ["dist/x", "sub/dist/y"]),
    "directories only": ("tmp/\n", ["tmp/a", "sub/tmp"]),
    "exceptions": ("*.log\n!keep.log\n", ["a.log", "keep.log", "sub/keep.log"]),
    "any depth": ("a/**/z\n**/cache\nlogs/**\n", ["a/z", "a/b/c/z", "x/cache/1", "logs/l", "z"]),
    "classes": ("[ab].txt\n[^c]?.md\n", ["a.txt", "c.txt", "dd.md", "cc.md"]),
    "comments, escapes, spaces": ("# no\n\\#yes\n\\!bang\ntrail   \n", ["#yes", "!bang", "trail", "no"]),
    "slash in the middle": ("doc/frotz\n", ["doc/frotz/x", "a/doc/frotz"]),
}


def make(root: Path, ignore: str, paths: list[str]) -> None:
    """Write a tree with a .gitignore."""
    (root / ".gitignore").write_text(ignore)
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("x")


def kept_by_git(root: Path) -> set[str]:
    """The files that git does not ignore."""
    subprocess.run(["git", "init", "-q", "."], cwd=root, check=True)
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    return set(subprocess.run(command, cwd=root, capture_output=True, check=True, text=True).stdout.split("\0")) - {""}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case)
async def test_as_git_has_it(connected: None, tmp_path: Path, case: str) -> None:
    """A host directory, and a directory filtered, have the files that git would track, and no other."""
    make(tmp_path, *CASES[case])
    expected = kept_by_git(tmp_path)
    imported = dag.host().directory(str(tmp_path), gitignore=True, exclude=[".git"])
    everything = dag.host().directory(str(tmp_path), exclude=[".git"])
    for directory in (imported, everything.filter(gitignore=True)):
        assert {path for path in await directory.glob("**") if not path.endswith("/")} == expected


async def test_exception_below_what_is_ignored(connected: None, tmp_path: Path) -> None:
    """An exception brings back what lies in an ignored directory, unlike git's: the real engine has it so."""
    make(tmp_path, "out/\n!out/keep\nbuild/\n", ["out/keep", "out/x", "build/y", "z"])
    directory = dag.host().directory(str(tmp_path), gitignore=True)
    assert await directory.glob("**") == [".gitignore", "out/", "out/keep", "z"]


async def test_files_deeper_down_count(connected: None, tmp_path: Path) -> None:
    """A nested .gitignore speaks of what is below it, and overrules the one above."""
    make(tmp_path, "*.log\n", ["a.log", "sub/b.log", "sub/c.txt", "sub/deep/c.txt"])
    (tmp_path / "sub/.gitignore").write_text("!b.log\n/c.txt\n")
    directory = dag.host().directory(str(tmp_path), gitignore=True)
    assert {path for path in await directory.glob("**") if not path.endswith("/")} == kept_by_git(tmp_path)


async def test_files_above_count(connected: None, tmp_path: Path) -> None:
    """For a part of a repository the .gitignore files above it count."""
    make(tmp_path, "*.log\n/sub/gen\n", ["sub/a.log", "sub/gen/x", "sub/keep"])
    kept_by_git(tmp_path)
    part = dag.host().directory(str(tmp_path / "sub"), gitignore=True)
    assert await part.glob("**") == ["keep"]
    assert await dag.directory().with_directory("/", part, exclude=["nothing"]).entries() == ["keep"]
