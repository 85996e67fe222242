"""The history as functions see it, on an engine."""

import shutil
from functools import partial
from pathlib import Path

import dagger
import pytest
from dagger import dag

from ci.history import HistoryError, MissingHistoryError, at, checkout, difference, files_of, git, past_of, whole
from ci.outcome import Status
from ci.policy.succession import Difference
from ci.sources import HISTORY_IGNORED
from ci.stage import carry_out
from run_world import Clone

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("connection")]


def history_of(path: Path) -> dagger.Directory:
    """The history of a directory."""
    return dag.host().directory(str(path), exclude=HISTORY_IGNORED, no_cache=True)


async def with_history(path: Path) -> dagger.Container:
    """A stage that reads the history of a directory."""
    return git().with_directory("/", await whole(history_of(path)))


async def test_only_objects_and_refs_come_in(clone: Clone) -> None:
    """A token in the configuration, logs and hooks stay where they are."""
    clone.git("config", "http.extraheader", "AUTHORIZATION: basic made-up")
    clone.git("pack-refs", "--all")
    found = await clone.history.glob(".git/*")
    assert {name.rstrip("/") for name in found} == {".git/HEAD", ".git/objects", ".git/packed-refs", ".git/refs"}


async def test_a_checkout_has_the_whole_log_and_all_tags(clone: Clone) -> None:
    """And nothing in it is modified."""
    clone.git("tag", "v0.1.0")
    clone.commit("feat: more", src__app__main_py="two\n")
    tree = git().with_mounted_directory("/clone", await checkout(clone.history)).with_workdir("/clone")
    told = "git config --global safe.directory '*' && git status --short --branch && git describe --tags && git log --oneline"
    lines = (await tree.with_exec(["sh", "-c", told]).stdout()).splitlines()
    short = clone.git("rev-parse", "--short", "HEAD")
    assert lines[0] == "## main"
    assert lines[1].startswith("v0.1.0-1-g")
    assert lines[2:] == [f"{short} feat: more", f"{clone.git('rev-parse', '--short', 'HEAD~1')} chore: begin"]


async def test_the_files_of_a_commit_are_those_that_were_committed(clone: Clone) -> None:
    """What lies about is not among them, and what was there before is."""
    (clone.path / "src/app/run.sh").write_text("#!/bin/sh\n")
    (clone.path / "src/app/run.sh").chmod(0o755)
    first = clone.commit("feat: one")
    clone.commit("feat: two", src__app__main_py="two\n")
    (clone.path / "src/app/uncommitted.py").write_text("")
    files = await files_of(clone.history, first)
    assert sorted(await files.glob("src/app/*")) == ["src/app/main.py", "src/app/run.sh"]
    assert await files.file("src/app/main.py").contents() == "one\n"
    assert not await files.glob(".git")
    with pytest.raises(HistoryError, match="the history has no commit ffff"):
        await files_of(clone.history, "f" * 40)


async def test_another_commit_can_be_taken_for_the_one_that_is_checked_out(clone: Clone) -> None:
    """Stages that speak of HEAD then speak of it."""
    first = clone.git("rev-parse", "HEAD")
    clone.commit("feat: more")
    assert (await past_of(at(clone.history, first))).commit == first


async def test_two_commits_are_counted_against_each_other(clone: Clone) -> None:
    """How many only one of them has; nothing is said of a commit that the history lacks."""
    first = clone.git("rev-parse", "HEAD")
    second = clone.commit("feat: more")
    clone.git("checkout", "-q", "-b", "other", first)
    other = clone.commit("feat: other")
    assert await difference(clone.history, first, second) == Difference(ours=0, theirs=1)
    assert await difference(clone.history, second, first) == Difference(ours=1, theirs=0)
    assert await difference(clone.history, second, other) == Difference(ours=1, theirs=1)
    assert await difference(clone.history, second, "f" * 40) is None


async def test_what_is_no_whole_history_is_told_apart(clone: Clone, tmp_path: Path) -> None:
    """An archive, a linked work tree, a shallow clone: each in one line, with what to do."""
    clone.git("worktree", "add", "-q", "-b", "other", str(tmp_path / "linked"))
    archive = tmp_path / "archive"
    shutil.copytree(clone.path, archive, ignore=shutil.ignore_patterns(".git"))
    clone.commit("feat: more")
    shallow = Clone(tmp_path / "shallow")
    shallow.git("fetch", "-q", "--depth=1", f"file://{clone.path}", "main")
    expected = {
        archive: "this is no git repository: clone it, an archive of its files has no history",
        tmp_path
        / "linked": "this is a linked work tree: its history is in the repository that it belongs to; run there",
        shallow.path: "the clone is shallow: git fetch --unshallow --tags (on a runner: fetch-depth: 0)",
    }
    for path, said in expected.items():
        with pytest.raises(MissingHistoryError) as refusal:
            await whole(history_of(path))
        assert str(refusal.value) == said
        # A suite goes on without the checks that read it.
        result = await carry_out("commits", partial(with_history, path))
        assert (result.outcome.status, result.outcome.reason) == (Status.NOT_RUN, said)
