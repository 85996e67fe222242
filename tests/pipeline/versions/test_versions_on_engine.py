"""Versions on an engine: over this project's own files, with a history that a test writes, and a remote to push to."""

import shutil
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import dagger
import pytest
import pytest_asyncio
from dagger import dag

from ci import Ci, sources
from ci.cut_release import Remote
from ci.errors import PipelineError, StageFailed
from ci.history import HistoryError
from ci.versions import VersionRefused
from git_server import GitServer
from scripted_repository import ROOT, ScriptedRepository

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOKEN = "ghs_made_up_for_tests"
REMOTE = "http://git.example:{}/acme/app.git"
TODAY = datetime.now(UTC).date().isoformat()


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def connection(engine_session: None) -> AsyncIterator[None]:
    """The functions' client, connected to an engine."""
    async with dagger.connection():
        yield


@pytest.fixture
def project(repository: ScriptedRepository) -> ScriptedRepository:
    """This project's configuration and lock files, and one feature."""
    for path in (*sources.LOCKS, ".gitignore"):
        place = repository.path / path
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, place)
    repository.git("add", ".")
    repository.commit("feat(items): create them")
    return repository


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    """A remote that wants a token."""
    with GitServer(tmp_path_factory.mktemp("remote"), TOKEN).running() as found:
        yield found


def pipeline(project: ScriptedRepository) -> Any:  # the SDK's decorators hide the constructor from type checkers
    """The module over the project, as the command line makes it."""
    make: Any = Ci
    return make(source=dag.host().directory(str(project.path), exclude=sources.IGNORED, no_cache=True))


def history(project: ScriptedRepository) -> dagger.Directory:
    """What the functions see of its history."""
    return dag.host().directory(str(project.path), exclude=sources.HISTORY_IGNORED, no_cache=True)


async def cut(project: ScriptedRepository, server: GitServer, **wishes: str) -> str:
    """Cut a release and push it to the server."""
    service = dag.host().service([dagger.PortForward(backend=server.port, frontend=server.port)])
    answer: str = await pipeline(project).cut_release(
        history=history(project),
        remote=REMOTE.format(server.port),
        token=dag.set_secret("token", TOKEN),
        remote_service=service,
        **wishes,
    )
    return answer


async def test_a_bump_is_a_changeset_that_leaves_the_lock_files_fresh(project: ScriptedRepository) -> None:
    """Nothing is written until it is exported; then version, lock file and changelog fit together."""
    before = project.git("status", "--porcelain")
    changes = await pipeline(project).bump(history=history(project), prerelease="rc")
    assert (await changes.added_paths(), await changes.removed_paths()) == (["CHANGELOG.md"], [])
    assert sorted(await changes.modified_paths()) == ["pyproject.toml", "uv.lock"]
    assert '+version = "0.2.0-rc.1"' in await changes.as_patch().contents()
    assert project.git("status", "--porcelain") == before

    await changes.export(str(project.path))
    assert project.changelog == f"# Changelog\n\n## v0.2.0-rc.1 ({TODAY})\n\n### Features\n\n- **items**: create them\n"
    assert project.git("status", "--porcelain").split("\n") == [
        "M pyproject.toml",
        " M uv.lock",
        "?? CHANGELOG.md",
    ]
    await pipeline(project).lock()


async def test_a_bump_keeps_what_is_not_committed_yet(project: ScriptedRepository) -> None:
    """It is made over the files at hand."""
    path = project.path / "pyproject.toml"
    path.write_text(path.read_text() + "# mine\n")
    changes = await pipeline(project).bump(history=history(project))
    await changes.export(str(project.path))
    assert path.read_text().endswith("# mine\n")
    assert 'version = "0.2.0"' in path.read_text()


async def test_questions_about_versions(project: ScriptedRepository) -> None:
    """The next version, the notes of its draft, the whole changelog."""
    assert await pipeline(project).next_version(history=history(project), increment="Major") == "1.0.0"
    notes = await pipeline(project).release_notes(history=history(project), version="v1.0.0")
    assert await notes.contents() == "### Features\n\n- **items**: create them\n"
    changelog = await pipeline(project).changelog(history=history(project))
    assert await changelog.contents() == ("# Changelog\n\n## Unreleased\n\n### Features\n\n- **items**: create them\n")


async def test_a_release_reaches_the_remote_whole(project: ScriptedRepository, server: GitServer) -> None:
    """Commit and tag are there; here nothing has changed, so that cutting again is refused."""
    project.git("push", "--quiet", str(server.repository), "main")
    head = project.git("rev-parse", "HEAD")
    assert await cut(project, server, author="Release Bot <bot@example.com>") == (
        "v0.2.0 is cut on main, and its tag releases it; git pull --tags brings both here"
    )
    assert project.git("rev-parse", "HEAD") == head
    released = server.refs()["refs/heads/main"]
    assert server.refs() == {"refs/heads/main": released, "refs/tags/v0.2.0": released}
    with pytest.raises(VersionRefused, match=r"^v0.2.0 exists already at the remote"):
        await cut(project, server)

    project.git("fetch", "--quiet", str(server.repository), "main", "--tags")
    project.git("merge", "--quiet", "--ff-only", "FETCH_HEAD")
    shown = project.git("show", "--no-patch", "--format=%s by %an <%ae>", "v0.2.0^{}")
    assert shown == "bump: version 0.1.0 → 0.2.0 by Release Bot <bot@example.com>"
    with pytest.raises(VersionRefused, match=r"^nothing to release: there is no commit since v0.2.0$"):
        await cut(project, server)
    # A hotfix line is held to its patches before the remote is looked at.
    project.git("checkout", "--quiet", "-b", "hotfix/0.2.1")
    project.commit("feat: too much")
    with pytest.raises(VersionRefused, match=r"^hotfix/0.2.1 gets patch versions of 0.2 only, .* asks for 0.3.0 \("):
        await cut(project, server)
    assert set(server.refs()) == {"refs/heads/main", "refs/tags/v0.2.0"}


async def test_what_cannot_be_cut_is_refused_in_one_line(project: ScriptedRepository, server: GitServer) -> None:
    """Before anything reaches the remote."""
    project.git("push", "--quiet", str(server.repository), "main")
    before = server.refs()

    async def refusal(kind: type[PipelineError] = VersionRefused, **wishes: str) -> str:
        with pytest.raises(kind) as refused:
            await cut(project, server, **wishes)
        (line,) = str(refused.value).splitlines()
        return line

    assert await refusal(branch="feature/x") == "no version is cut on feature/x, only on main or hotfix/*"
    assert (await refusal(branch="b" * 300)).endswith(
        "(300 characters) is refused: expected a name of at most 255 characters"
    )
    assert await refusal(branch="hotfix/..") == "branch 'hotfix/..' is refused: expected a name without '..'"
    assert await refusal(author="me") == ("author 'me' is refused: expected NAME <ADDRESS>, such as ci <ci@localhost>")
    assert await refusal(prerelease="dev") == "prerelease 'dev' is refused: expected alpha or beta or rc"
    assert await refusal(increment="huge") == "increment 'huge' is refused: expected patch or minor or major"
    (project.path / "uv.lock").write_text("")
    assert await refusal() == (
        "what is released is HEAD, and these differ from it: uv.lock; commit them, or git stash --all"
    )
    project.git("checkout", "--quiet", "--", "uv.lock")
    project.git("checkout", "--quiet", "--detach")
    assert await refusal() == "no branch is checked out: name it by --branch"
    (project.path / ".git/shallow").write_text(f"{project.git('rev-parse', 'HEAD')}\n")
    assert (await refusal(HistoryError)).startswith("the clone is shallow: ")
    assert server.refs() == before


@pytest.mark.parametrize(
    ("url", "line"),
    [
        (
            "git@example.com:acme/app.git",
            "a remote is https://HOST/OWNER/NAME.git (by ssh: bump, commit, tag, git push",
        ),
        ("--upload-pack=x", "a remote is https://HOST/OWNER/NAME.git"),
        (
            "https://me:secret@example.com/acme/app.git",
            "a remote's URL names nobody: give the token by --token=env:NAME",
        ),
        (
            "http://example.com/acme/app.git",
            "a token is sent by https only, and http://example.com/acme/app.git is not",
        ),
    ],
)
async def test_a_remote_that_is_not_safe_is_refused(url: str, line: str) -> None:
    """The token is not sent where others can read it, and a URL is shown, so it holds none."""
    with pytest.raises(VersionRefused) as refusal:
        Remote(url, dag.set_secret("token", TOKEN))
    assert str(refusal.value).startswith(line)
    assert "secret" not in str(refusal.value)


async def test_the_messages_of_a_branch_are_a_stage(project: ScriptedRepository) -> None:
    """Green with conventional messages; red with the others named, the pull request's title too."""
    await pipeline(project).commits(history=history(project), title="feat: create items")
    with pytest.raises(StageFailed, match="FAIL  title 'Create items': expected"):
        await pipeline(project).commits(history=history(project), title="Create items")
    project.on("feature/more", "main")
    project.commit("feat: more", "fixup! feat: more")
    with pytest.raises(StageFailed, match=r"FAIL  [0-9a-f]{7} 'fixup! feat: more': it belongs into"):
        await pipeline(project).commits(history=history(project))
