"""What a commit is compared with, on real repositories."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ci.scripts import find_base

LASTING = ("--lasting=develop", "--lasting=main")


class Repository:
    """A git repository that a test fills."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit("chore: begin")

    def git(self, *arguments: str) -> str:
        """Run git as nobody in particular; gives what it prints."""
        who = ("-c", "user.name=Ann", "-c", "user.email=ann@example.com")
        done = subprocess.run(["git", *who, *arguments], cwd=self.path, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(self, message: str) -> str:
        """Commit nothing but a message; gives the hash."""
        self.git("commit", "--quiet", "--allow-empty", f"--message={message}")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """One commit on main."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    return Repository(tmp_path)


@pytest.fixture
def find(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[str, str, list[str]]]:
    """Runs the program on the repository; gives the commit, what it is, and the messages since."""

    def run(*options: str) -> tuple[str, str, list[str]]:
        monkeypatch.setattr(sys, "argv", ["find_base.py", str(repository.path), *LASTING, *options])
        assert find_base.main() == 0
        found = json.loads(capsys.readouterr().out)
        return found["commit"], found["what"], found["messages"]

    return run


Find = Callable[..., tuple[str, str, list[str]]]


def test_before_the_first_release_there_is_nothing_to_compare_with(repository: Repository, find: Find) -> None:
    """A tag that is no stable version is no release."""
    repository.git("tag", "v1.0.0-rc.1")
    repository.git("tag", "v01.0.0")
    repository.commit("feat: more")
    assert find() == ("", "", [])


def test_a_lasting_branch_is_compared_with_the_highest_release_before_it(repository: Repository, find: Find) -> None:
    """By the versions' order, not by that of texts or of time."""
    highest = repository.commit("feat: ten")
    repository.git("tag", "--annotate", "--message=ten", "v1.10.0")
    repository.commit("fix: nine")
    repository.git("tag", "v1.9.1")
    repository.commit("feat: more")
    assert find() == (highest, "the release v1.10.0", ["feat: more", "fix: nine"])


def test_a_release_is_compared_with_the_one_before_it(repository: Repository, find: Find) -> None:
    """Compared with itself it would always be the same."""
    first = repository.git("rev-parse", "HEAD")
    repository.git("tag", "v1.0.0")
    repository.commit("feat: more")
    repository.git("tag", "v1.1.0")
    assert find() == (first, "the release v1.0.0", ["feat: more"])


def test_a_release_elsewhere_is_none_of_this_branch(repository: Repository, find: Find) -> None:
    """What HEAD does not contain is not what it replaces."""
    repository.git("checkout", "--quiet", "-b", "hotfix/other")
    repository.commit("fix: elsewhere")
    repository.git("tag", "v1.0.1")
    repository.git("checkout", "--quiet", "main")
    repository.commit("feat: more")
    assert find() == ("", "", [])


def test_work_is_compared_with_where_it_left_the_branch_that_it_left_last(repository: Repository, find: Find) -> None:
    """What develop got since then is not this work's doing, and main it left long ago."""
    repository.git("checkout", "--quiet", "-b", "develop")
    left = repository.commit("feat: on develop")
    repository.git("checkout", "--quiet", "-b", "feature/a")
    repository.commit("feat!: of the work")
    repository.git("checkout", "--quiet", "develop")
    repository.commit("feat: later")
    repository.git("checkout", "--quiet", "feature/a")
    assert find() == (left, "develop as the work left it", ["feat!: of the work"])


def test_the_base_of_a_pull_request_wins(repository: Repository, find: Find) -> None:
    """It is whatever the pull request says, also where only its origin has the branch."""
    main = repository.git("rev-parse", "HEAD")
    repository.git("checkout", "--quiet", "-b", "develop")
    repository.commit("feat: on develop")
    repository.git("checkout", "--quiet", "-b", "feature/a")
    repository.commit("feat: of the work")
    repository.git("branch", "--delete", "--force", "main")
    repository.git("update-ref", "refs/remotes/origin/main", main)
    assert find("--base=main") == (main, "main as the work left it", ["feat: of the work", "feat: on develop"])


def test_an_unknown_base_is_one_line(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is compared with something else instead."""
    monkeypatch.setattr(sys, "argv", ["find_base.py", str(repository.path), "--base=nowhere"])
    assert find_base.main() == 2
    assert capsys.readouterr().err == "the history has no branch 'nowhere': git fetch origin nowhere\n"


def test_the_range_of_what_is_new(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Since the base, or everything."""
    arguments = ["find_base.py", str(repository.path), *LASTING, "--range"]
    monkeypatch.setattr(sys, "argv", arguments)
    assert find_base.main() == 0
    begun = repository.git("rev-parse", "HEAD")
    repository.git("checkout", "--quiet", "-b", "feature/a")
    repository.commit("feat: of the work")
    assert find_base.main() == 0
    assert capsys.readouterr().out == f"HEAD\n{begun}..HEAD\n"
