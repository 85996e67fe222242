"""Git repositories of directories, of this machine and of the network."""

from __future__ import annotations

import base64
import contextlib
import functools
import http.server
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import dagger
import pytest
from dagger import dag

ENVIRONMENT = {
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@b",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@b",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    "PATH": os.environ["PATH"],
}


def git(folder: Path, *arguments: str) -> str:
    """Run git in a repository of a test."""
    done = subprocess.run(["git", *arguments], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three commits on main, two of them tagged, and a branch."""
    folder = tmp_path_factory.mktemp("repository")
    git(folder, "init", "-q", "-b", "main")
    for number, tag in ((1, "v1.0.0"), (2, ""), (3, "v1.10.0")):
        (folder / "file").write_text(f"{number}\n")
        git(folder, "add", ".")
        git(folder, "commit", "-q", "-m", f"commit {number}")
        if tag:
            git(folder, "tag", "-a", tag, "-m", tag)
    git(folder, "tag", "v1.9.0", "HEAD~1")
    git(folder, "tag", "other")
    git(folder, "branch", "side/one", "HEAD~2")
    return folder


@pytest.fixture
def sources(request: pytest.FixtureRequest, repository: Path) -> list[dagger.GitRepository]:
    """The same repository as a directory, as its git directory, and here also by path and by file URL."""
    found = [
        dag.host().directory(str(repository)).as_git(),
        dag.host().directory(str(repository / ".git")).as_git(),
    ]
    if request.config.getoption("--engine") == "embedded":
        found += [dag.git(str(repository)), dag.git(f"file://{repository}")]
    return found


async def test_refs(connected: None, repository: Path, sources: list[dagger.GitRepository]) -> None:
    """Tags, branches, HEAD and commits, however the repository is reached."""
    tip, first = git(repository, "rev-parse", "HEAD"), git(repository, "rev-parse", "HEAD~2")
    for source in sources:
        assert sorted(await source.tags()) == ["other", "v1.0.0", "v1.10.0", "v1.9.0"]
        assert await source.tags(patterns=["v1.1*"]) == ["v1.10.0"]
        assert await source.branches() == ["main", "side/one"]
        assert await source.head().commit() == tip
        assert await source.head().ref() == "refs/heads/main"
        assert await source.tag("v1.0.0").commit() == first
        assert await source.branch("side/one").commit() == first
        assert await source.ref("main").ref() == "refs/heads/main"
        assert await source.commit(first).ref() == first
        assert await source.latest_version().ref() == "refs/tags/v1.10.0"


async def test_trees(connected: None, sources: list[dagger.GitRepository]) -> None:
    """A checkout has the files of its commit, with the git directory unless that is discarded."""
    for source in sources:
        assert await source.head().tree().entries() == [".git/", "file"]
        tree = source.tag("v1.0.0").tree(discard_git_dir=True)
        assert await tree.entries() == ["file"]
        assert await tree.file("file").contents() == "1\n"


@pytest.mark.parametrize(("depth", "commits"), [(1, 1), (2, 2), (0, 3)], ids=["one", "two", "all"])
async def test_depth(connected: None, repository: Path, tmp_path: Path, depth: int, commits: int) -> None:
    """A checkout is as deep as it is asked for, and is a repository that git can use."""
    tree = dag.host().directory(str(repository)).as_git().head().tree(depth=depth)
    await tree.export(str(tmp_path))
    assert len(git(tmp_path, "log", "--format=%s").splitlines()) == commits
    assert git(tmp_path, "status", "--porcelain") == ""
    assert git(tmp_path, "branch", "--show-current") == "main"
    if depth == 0:
        assert git(tmp_path, "describe", "--tags", "--match", "v*") == "v1.10.0"


@pytest.mark.parametrize(
    ("ask", "problem"),
    [
        (lambda repo: repo.tag("none").commit(), 'does not contain ref "refs/tags/none"'),
        (lambda repo: repo.commit("main").commit(), 'invalid commit SHA: "main"'),
        (lambda repo: repo.ref("nowhere").commit(), "does not contain ref"),
    ],
    ids=["tag", "commit", "ref"],
)
async def test_what_is_not_there(connected: None, repository: Path, ask: Any, problem: str) -> None:
    """A missing ref is told by its name."""
    with pytest.raises(dagger.QueryError, match=problem):
        await ask(dag.host().directory(str(repository)).as_git())


async def test_directory_without_repository(connected: None) -> None:
    """A directory without .git is told."""
    with pytest.raises(dagger.QueryError, match="not a git repository"):
        await dag.directory().with_new_file("x", "").as_git().tags()


@pytest.mark.parametrize("url", ["git@example.com:team/app.git", "ssh://git@example.com/app.git"])
@pytest.mark.usefixtures("embedded_only")
async def test_ssh_needs_an_agent(connected: None, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over SSH somebody must log in: without an agent's socket that is said."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with pytest.raises(dagger.QueryError, match="SSH URLs are not supported without an SSH socket"):
        await dag.git(url).tags()


async def test_new_commits_are_seen_by_another_session_only(connected: None, repository: Path) -> None:
    """The work tree's own commits are in the directory that is imported after them."""
    before = await dag.host().directory(str(repository)).as_git().head().commit()
    git(repository, "commit", "-q", "--allow-empty", "-m", "later")
    after = await dag.host().directory(str(repository), no_cache=True).as_git().head().commit()
    git(repository, "reset", "-q", "--hard", "HEAD~1")
    assert before != after


async def test_common_ancestor(connected: None, repository: Path, sources: list[dagger.GitRepository]) -> None:
    """Two commits' common ancestor, in one repository and across two."""
    first = git(repository, "rev-parse", "HEAD~2")
    local, remote = sources[0], sources[-1]
    assert await local.head().common_ancestor(local.branch("side/one")).commit() == first
    assert await local.head().common_ancestor(remote.branch("side/one")).commit() == first


async def test_uncommitted_changes(connected: None, repository: Path, tmp_path: Path) -> None:
    """Changed, new and removed files of a work tree are a changeset; ignored ones are none."""
    git(tmp_path, "clone", "-q", str(repository), "work")
    work = tmp_path / "work"
    assert await dag.host().directory(str(work)).as_git().uncommitted().is_empty()
    (work / "file").write_text("changed\n")
    (work / "new").mkdir()
    (work / "new/file").write_text("new\n")
    (work / ".git/info/exclude").write_text("ignored\n")
    (work / "ignored").write_text("x")
    changes = dag.host().directory(str(work), no_cache=True).as_git().uncommitted()
    assert await changes.modified_paths() == ["file"]
    assert await changes.added_paths() == ["new/", "new/file"]
    assert await changes.removed_paths() == []


class _Guarded(http.server.SimpleHTTPRequestHandler):
    """A web server for files that wants a login."""

    wanted = "Basic " + base64.b64encode(b"x-access-token:the-token").decode()
    seen: ClassVar[list[str]] = []
    """Processes in whose arguments or environment the login was, while they waited for an answer."""

    def do_GET(self) -> None:
        for file in (*Path("/proc").glob("[0-9]*/cmdline"), *Path("/proc").glob("[0-9]*/environ")):
            with contextlib.suppress(OSError):
                content = file.read_bytes()
                if b"the-token" in content or self.wanted.removeprefix("Basic ").encode() in content:
                    self.seen.append(f"{file}: {content!r}")
        if self.headers.get("Authorization") == self.wanted:
            super().do_GET()
            return
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="x"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


@pytest.fixture
def guarded_url(repository: Path, tmp_path: Path) -> Iterator[str]:
    """The repository's URL on a server that wants a token."""
    git(tmp_path, "clone", "-q", "--bare", str(repository), "app.git")
    git(tmp_path / "app.git", "update-server-info")
    handler = functools.partial(_Guarded, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/app.git"
        server.shutdown()
        thread.join()


async def test_http_with_a_token(connected: None, guarded_url: str, repository: Path) -> None:
    """A repository is read over HTTP with a token, or a whole header."""
    token, header = dag.set_secret("git-token", "the-token"), dag.set_secret("git-header", _Guarded.wanted)
    for source in (dag.git(guarded_url, http_auth_token=token), dag.git(guarded_url, http_auth_header=header)):
        assert await source.head().commit() == git(repository, "rev-parse", "HEAD")
        assert await source.url() == guarded_url
        assert await source.head().tree(discard_git_dir=True).entries() == ["file"]
    assert _Guarded.seen == []


@pytest.mark.usefixtures("embedded_only")
async def test_a_login_in_the_url_is_seen_nowhere(connected: None, guarded_url: str, repository: Path) -> None:
    """It is used, and is in no checkout's configuration, no error and no URL that is asked for."""
    source = dag.git(guarded_url.replace("://", "://x-access-token:the-token@"))
    assert await source.head().commit() == git(repository, "rev-parse", "HEAD")
    assert await source.url() == guarded_url
    assert "the-token" not in await source.head().tree().file(".git/config").contents()
    with pytest.raises(dagger.QueryError) as caught:
        await dag.git(guarded_url.replace("://", "://x-access-token:another-word@")).tags()
    assert "another-word" not in str(caught.value)
    assert _Guarded.seen == []


@pytest.mark.usefixtures("embedded_only")
async def test_http_without_a_token(connected: None, guarded_url: str) -> None:
    """Without the token the error is git's, on one line."""
    with pytest.raises(dagger.QueryError, match=r"git ls-remote: .*(Authentication|could not read)"):
        await dag.git(guarded_url).tags()
