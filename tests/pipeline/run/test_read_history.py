"""The program that asks a history, on repositories as laptops and runners have them."""

from pathlib import Path

import pytest

from ci.scripts.read_history import Unanswered, read
from run_world import Clone


@pytest.fixture
def laptop(tmp_path: Path) -> Clone:
    """Main with two commits, develop that left it after the first and has one of its own, and a tag."""
    clone = Clone(tmp_path / "laptop")
    clone.commit("chore: begin", src__app__main_py="one\n")
    clone.git("tag", "v0.1.0")
    clone.git("checkout", "-q", "-b", "develop")
    clone.commit("feat: work\n\nWith a body.\n\nBREAKING CHANGE: all of it")
    clone.git("checkout", "-q", "main")
    clone.commit("fix: main")
    return clone


@pytest.fixture
def runner(laptop: Clone, tmp_path: Path) -> Clone:
    """What a hosted runner checks out: no branch but the remote's, and a detached HEAD."""
    clone = Clone(tmp_path / "runner")
    where = f"file://{laptop.path}"
    clone.git("fetch", "-q", where, "+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*")
    clone.git("checkout", "-q", "--detach", "refs/remotes/origin/develop")
    clone.git("pack-refs", "--all")
    return clone


def facts(clone: Clone, *names: str, base: str = "", before: str = "", below: str = "") -> dict[str, object]:
    """Ask."""
    return read(str(clone.path), list(names or ("HEAD",)), base, before, below)


def test_a_commit_is_found_by_the_first_name_that_there_is(laptop: Clone) -> None:
    """A branch that is not here gives way to HEAD."""
    head, develop = laptop.git("rev-parse", "main"), laptop.git("rev-parse", "develop")
    assert facts(laptop, "refs/heads/nowhere", "refs/heads/develop", "HEAD")["commit"] == develop
    assert facts(laptop, "refs/heads/nowhere", "HEAD")["commit"] == head
    assert facts(laptop, head[:10])["commit"] == head


def test_an_annotated_tag_is_its_commit(laptop: Clone) -> None:
    """The tag's own object is none."""
    laptop.git("tag", "-a", "v0.2.0", "-m", "a release")
    assert facts(laptop, "refs/tags/v0.2.0")["commit"] == laptop.git("rev-parse", "main")


def test_a_proposal_brings_what_its_base_lacks(laptop: Clone) -> None:
    """The newest first, bodies whole, merges left out."""
    laptop.git("checkout", "-q", "develop")
    laptop.git("merge", "-q", "-m", "Merge main", "main")
    assert facts(laptop, base="main")["commits"] == ["feat: work\n\nWith a body.\n\nBREAKING CHANGE: all of it"]


def test_laptop_and_runner_are_told_the_same(laptop: Clone, runner: Clone) -> None:
    """Local branches and those of the remote count alike."""
    laptop.git("checkout", "-q", "develop")
    assert facts(runner, base="main") == facts(laptop, base="main")
    assert facts(runner)["containing"] == ["develop"]


def test_the_nearer_of_two_branches_of_one_name_is_where_work_left_it(laptop: Clone) -> None:
    """A local main that is ahead of the remote's, or behind it, makes no difference."""
    left = laptop.git("rev-parse", "main")
    laptop.git("update-ref", "refs/remotes/origin/main", "main~1")
    laptop.git("checkout", "-q", "-b", "feature/x")
    laptop.commit("feat: x")
    assert facts(laptop, base="main")["fork_point"] == left


def test_a_push_brings_what_came_since_the_branch_was_at_another_commit(laptop: Clone) -> None:
    """By the commit that GitHub names; the null hash of a new branch names none."""
    before = laptop.git("rev-parse", "main~1")
    laptop.commit("fix: more")
    assert facts(laptop, before=before)["commits"] == ["fix: more", "fix: main"]
    assert facts(laptop, before="0" * 40)["commits"] == ["fix: more"]


def test_a_branch_that_was_rewritten_brings_nothing_that_could_be_named(laptop: Clone) -> None:
    """What it was is gone, so the policy takes what it is now for unseen: nothing of it is published."""
    assert facts(laptop, before="f" * 40)["commits"] == []


def test_a_merge_brings_all_that_it_merged(laptop: Clone) -> None:
    """Its own message is the newest."""
    laptop.git("merge", "-q", "--no-ff", "-m", "Merge pull request #7 from acme/develop", "develop")
    commits = facts(laptop)["commits"]
    assert isinstance(commits, list)
    assert [message.splitlines()[0] for message in commits] == ["Merge pull request #7 from acme/develop", "feat: work"]


def test_the_first_commit_of_all_brings_itself(laptop: Clone) -> None:
    """It has no parent to be compared with."""
    assert facts(laptop, "main~1")["commits"] == ["chore: begin"]


def test_new_files_are_told_from_changed_ones(laptop: Clone) -> None:
    """Names that git would quote come as they are."""
    laptop.git("checkout", "-q", "-b", "refactor/x")
    laptop.commit("refactor: x", src__app__main_py="two\n", **{"src__app__ne w\tü_py": "", "other_py": ""})
    assert facts(laptop, base="main", below="src/app")["added"] == ["src/app/ne w\tü.py"]


def test_a_branch_that_left_is_as_old_as_its_first_commit(laptop: Clone) -> None:
    """In seconds since the epoch; one that has no commit of its own is no age."""
    laptop.git("checkout", "-q", "-b", "feat/x")
    assert facts(laptop, base="main")["left"] is None
    laptop.commit("feat: x")
    first = int(laptop.git("log", "-1", "--format=%ct"))
    laptop.commit("feat: y")
    assert facts(laptop, base="main")["left"] == first


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        pytest.param(
            {"base": "nowhere"}, "no branch 'nowhere': git fetch origin nowhere", id="a base that is not here"
        ),
        pytest.param({"base": "orphan"}, "have no commit in common", id="a base of another history"),
    ],
)
def test_what_the_history_does_not_have_is_told_in_one_line(laptop: Clone, asked: dict[str, str], said: str) -> None:
    """A guess would decide something."""
    laptop.git("checkout", "-q", "--orphan", "orphan")
    laptop.commit("chore: another beginning")
    laptop.git("checkout", "-q", "main")
    with pytest.raises(Unanswered, match=said) as refusal:
        facts(laptop, **asked)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("name", ["--help", "-x", "HEAD; true", "a" * 500, "$(true)", "HEAD\n"])
def test_a_name_is_never_an_option_or_a_command(laptop: Clone, name: str) -> None:
    """What is not there is not there, whatever it looks like."""
    with pytest.raises(Unanswered, match="the history has no commit"):
        facts(laptop, name)


def test_a_repository_without_a_commit_has_none(tmp_path: Path) -> None:
    """HEAD leads to nothing."""
    with pytest.raises(Unanswered, match="no commit 'HEAD'"):
        facts(Clone(tmp_path / "empty"))
