"""Git repositories of directories: refs, commits and trees."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import dagger
import pytest
from dagger import FileType, dag

Failure = Callable[[Awaitable[object]], Awaitable[str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two commits on main, a branch at the first, tags, and a file that was never added."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed: no repository can be made")
    made = tmp_path_factory.mktemp("repository")
    git(made, "init", "-q")
    git(made, "symbolic-ref", "HEAD", "refs/heads/main")
    (made / "file").write_text("1\n")
    (made / "link").symlink_to("file")
    git(made, "add", ".")
    git(made, "commit", "-qm", "one")
    git(made, "tag", "v1.0.0")
    git(made, "branch", "side")
    (made / "file").write_text("2\n")
    git(made, "commit", "-qam", "two")
    git(made, "tag", "-a", "v1.2.0", "-m", "annotated")
    (made / "untracked").write_text("x")
    return made


def git(made: Path, *arguments: str) -> str:
    """What git says, by nobody's configuration."""
    settings = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    names = ("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL")
    environment = {"PATH": os.environ["PATH"], **settings, **dict.fromkeys(names, "somebody")}
    done = subprocess.run(["git", *arguments], cwd=made, env=environment, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(folder: Path) -> dagger.GitRepository:
    """That directory as a repository."""
    return dag.host().directory(str(folder)).as_git()


async def test_tags_and_branches(repository: dagger.GitRepository) -> None:
    """Tags and branches are listed, all or by a pattern."""
    assert (await repository.tags(), await repository.tags(patterns=["v1.2*"])) == (["v1.0.0", "v1.2.0"], ["v1.2.0"])
    assert (await repository.branches(), await repository.branches(patterns=["s*"])) == (["main", "side"], ["side"])


async def test_names_of_refs(repository: dagger.GitRepository, folder: Path) -> None:
    """A ref is found by its short name or its whole one, and an annotated tag is the commit that it names."""
    first, second = git(folder, "rev-parse", "side"), git(folder, "rev-parse", "main")
    assert (await repository.head().ref(), await repository.head().commit()) == ("refs/heads/main", second)
    assert (await repository.ref("side").ref(), await repository.branch("side").commit()) == ("refs/heads/side", first)
    assert (await repository.ref("v1.2.0").ref(), await repository.tag("v1.2.0").commit()) == (
        "refs/tags/v1.2.0",
        second,
    )
    assert await repository.ref("refs/tags/v1.0.0").commit() == first
    assert await repository.commit(first).commit() == first
    assert await repository.latest_version().ref() == "refs/tags/v1.2.0"
    assert await repository.branch("side").common_ancestor(repository.head()).commit() == first


async def test_trees(repository: dagger.GitRepository) -> None:
    """A tree has the files of its commit, with a repository beside them unless that is not wanted."""
    tree = repository.tag("v1.0.0").tree()
    assert await tree.entries() == [".git/", "file", "link"]
    assert await tree.file("file").contents() == "1\n"
    assert await tree.stat("link", do_not_follow_symlinks=True).file_type() == FileType.SYMLINK
    assert await repository.head().tree(discard_git_dir=True).entries() == ["file", "link"]


async def test_what_is_not_committed(repository: dagger.GitRepository) -> None:
    """Changes that were never committed are a changeset."""
    assert await repository.uncommitted().added_paths() == ["untracked"]


async def test_refs_that_are_not_there(repository: dagger.GitRepository, failure: Failure) -> None:
    """A ref that is missing is told by its whole name; a commit is named by all its digits."""
    assert await failure(repository.tag("nope").commit()) == 'repository does not contain ref "refs/tags/nope"'
    assert await failure(repository.branch("nope").commit()) == 'repository does not contain ref "refs/heads/nope"'
    assert await failure(repository.ref("nope").commit()) == 'repository does not contain ref "nope"'
    assert await failure(repository.commit("abc").commit()) == 'invalid commit SHA: "abc"'


async def test_a_directory_without_a_repository(failure: Failure) -> None:
    """A directory without a repository is none."""
    assert "not a git repository" in await failure(dag.directory().as_git().head().commit())
