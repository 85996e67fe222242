"""A version is pushed whole or not at all, whatever happens at the remote."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from ci.scripts.versioning import cut
from ci.scripts.versioning.repository import GitFailed, git
from git_server import GitServer
from scripted_repository import RefusedError, ScriptedRepository

TOKEN = "ghs_made_up_for_tests"


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    """A remote that wants a token."""
    with GitServer(tmp_path_factory.mktemp("remote"), TOKEN).running() as found:
        yield found


@pytest.fixture
def clone(repository: ScriptedRepository, server: GitServer, monkeypatch: pytest.MonkeyPatch) -> ScriptedRepository:
    """A repository with something to release, whose main is at the remote too."""
    repository.commit("feat: a")
    repository.git("push", "--quiet", str(server.repository), "main")
    monkeypatch.setenv(cut.TOKEN, TOKEN)
    return repository


def push(repository: ScriptedRepository, server: GitServer, tag: str, branch: str = "main") -> None:
    """Push what was cut."""
    remote = f"http://127.0.0.1:{server.port}{server.path}"
    repository.ask("push", f"--remote={remote}", f"--branch={branch}", f"--version={tag.removeprefix('v')}")


def refused(repository: ScriptedRepository, server: GitServer, tag: str) -> str:
    """Push what is refused; gives the one line, and sees that the remote is as it was."""
    before = server.refs()
    with pytest.raises(RefusedError) as refusal:
        push(repository, server, tag)
    assert server.refs() == before
    (line,) = str(refusal.value).splitlines()
    assert TOKEN not in line
    return line


def test_a_version_is_its_commit_and_its_annotated_tag(clone: ScriptedRepository, server: GitServer) -> None:
    """Both reach the remote in one push, made by whom the environment names."""
    assert clone.cut() == "v0.2.0"
    push(clone, server, "v0.2.0")
    head = clone.git("rev-parse", "HEAD")
    assert server.refs() == {"refs/heads/main": head, "refs/tags/v0.2.0": head}
    assert clone.git("cat-file", "-t", "v0.2.0") == "tag"
    assert clone.git("show", "--no-patch", "--format=%s by %an <%ae>") == (
        "bump: version 0.1.0 → 0.2.0 by Ann <ann@example.com>"
    )
    assert clone.git("show", "--format=", "--name-only").split() == ["CHANGELOG.md", "pyproject.toml", "uv.lock"]
    assert sum("git-receive-pack" in line and line.startswith("POST") for line in server.requests) == 1
    assert not any(TOKEN in line for line in server.requests)


def test_a_tag_that_the_remote_has_is_refused(clone: ScriptedRepository, server: GitServer) -> None:
    """A version that another clone released, which this one has not fetched."""
    clone.git("push", "--quiet", str(server.repository), "main:refs/tags/v0.2.0")
    assert refused(clone, server, clone.cut()) == (
        "v0.2.0 exists already at the remote, and a version is released once"
    )


def test_a_remote_that_has_moved_is_refused(clone: ScriptedRepository, server: GitServer) -> None:
    """Somebody merged meanwhile."""
    here = clone.git("rev-parse", "--short=7", "HEAD")
    clone.commit("fix: theirs")
    there = clone.git("rev-parse", "--short=7", "HEAD")
    clone.git("push", "--quiet", str(server.repository), "main")
    clone.git("reset", "--quiet", "--hard", "HEAD^")
    assert refused(clone, server, clone.cut()) == (
        f"main at the remote is {there}, here it is {here}: bring both together and try again"
    )


def test_commits_that_nobody_has_seen_are_not_pushed_along(clone: ScriptedRepository, server: GitServer) -> None:
    """A version of them would go round their pull request."""
    clone.commit("feat: unseen")
    assert "bring both together" in refused(clone, server, clone.cut())


def test_a_branch_that_the_remote_lacks_is_refused(clone: ScriptedRepository, server: GitServer) -> None:
    """Nothing is made up at the remote."""
    tag = clone.cut()
    with pytest.raises(RefusedError, match=r"^hotfix/x at the remote is nothing, here it is [0-9a-f]{7}: bring"):
        push(clone, server, tag, "hotfix/x")


@pytest.mark.parametrize("moved", ["refs/heads/main", "refs/tags/v0.2.0"])
def test_a_race_is_lost_whole(
    clone: ScriptedRepository, server: GitServer, monkeypatch: pytest.MonkeyPatch, moved: str
) -> None:
    """The remote moves between the look at it and the push: it compares by itself, and takes neither ref."""
    tag = clone.cut()
    other = clone.git("commit-tree", "HEAD~1^{tree}", "-p", "HEAD~1", "-m", "feat: theirs")

    def after_somebody_else(*arguments: str, environment: Mapping[str, str] = MappingProxyType({})) -> str:
        if arguments[0] == "push":
            clone.git("push", "--quiet", str(server.repository), f"{other}:{moved}")
        return git(*arguments, environment=environment)

    monkeypatch.setattr(cut, "git", after_somebody_else)
    with pytest.raises(RefusedError, match=r"^nothing was pushed: \[rejected\] \((stale info|already exists)\)\n$"):
        push(clone, server, tag)
    assert server.refs() == {"refs/heads/main": clone.git("rev-parse", "HEAD~1"), moved: other}


def test_a_server_that_refuses_the_branch_gets_no_tag(clone: ScriptedRepository, server: GitServer) -> None:
    """The rules of a branch at the server hold for the version as a whole."""
    server.refuse("main is protected")
    line = refused(clone, server, clone.cut())
    assert line == "nothing was pushed: [remote rejected] (hook declined)"


def test_a_push_whose_answer_is_lost_is_done(clone: ScriptedRepository, server: GitServer) -> None:
    """The remote is looked at again before anybody is told that it failed."""
    server.loses_answers = True
    push(clone, server, clone.cut())
    assert set(server.refs()) == {"refs/heads/main", "refs/tags/v0.2.0"}


def test_a_remote_that_falls_silent_is_given_up(
    clone: ScriptedRepository, server: GitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for ever."""
    monkeypatch.setattr(cut, "SILENCE", 1)
    server.silence = 5
    assert "Operation too slow" in refused(clone, server, clone.cut())


def test_a_wrong_token_is_refused(
    clone: ScriptedRepository, server: GitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not shown, and nobody is asked for another."""
    monkeypatch.setenv(cut.TOKEN, f"{TOKEN}-wrong")
    assert "Authentication failed" in refused(clone, server, clone.cut())


def test_without_a_token_nobody_waits(
    clone: ScriptedRepository, server: GitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No terminal is asked."""
    monkeypatch.delenv(cut.TOKEN)
    assert "could not read Username" in refused(clone, server, clone.cut())


def test_the_token_goes_to_this_remote_alone(
    clone: ScriptedRepository, server: GitServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Another server that wants a login gets none."""
    login = cut.login(f"http://127.0.0.1:{server.port}{server.path}")
    assert git("ls-remote", f"http://127.0.0.1:{server.port}{server.path}", environment=login)
    with GitServer(tmp_path_factory.mktemp("other"), TOKEN).running() as other, pytest.raises(GitFailed) as failure:
        git("ls-remote", f"http://127.0.0.1:{other.port}{other.path}", environment=login)
    assert "could not read Username" in str(failure.value)


def test_a_remote_that_is_not_there(clone: ScriptedRepository, server: GitServer, tmp_path: Path) -> None:
    """One line of git's, and nothing is pushed."""
    tag = clone.cut()
    with pytest.raises(RefusedError, match=r"^git ls-remote: fatal: repository .*/acme/none.git/' not found\n$"):
        clone.ask(
            "push", f"--remote=http://127.0.0.1:{server.port}/acme/none.git", "--branch=main", f"--version={tag[1:]}"
        )
