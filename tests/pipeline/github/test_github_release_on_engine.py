"""The function that releases by hand: notes of a real history, on a small GitHub."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import dagger
import pytest
import pytest_asyncio
from dagger import dag

from ci import Ci
from ci.errors import PipelineError
from github_server import REPOSITORY, TOKEN, GitHubServer
from run_world import Clone, small_project

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def connection(engine_session: None) -> AsyncIterator[None]:
    """The function's client, connected to an engine."""
    async with dagger.connection():
        yield


async def released(clone: Clone, server: GitHubServer, version: str, *, draft: bool = False) -> Any:
    """Call the function as the command line does."""
    make: Any = Ci
    token = dag.set_secret("github-release-token", TOKEN)
    return await make(source=clone.source).github_release(
        clone.history, version, REPOSITORY, token, server.url, draft=draft
    )


async def test_a_version_is_released_by_hand(tmp_path: Path, server: GitHubServer) -> None:
    """As its tag would: notes of this version alone, the latest by all tags; a draft of what has no tag yet."""
    clone = small_project(tmp_path / "clone")
    for version, message, line in (
        ("1.0.0", "feat: one", "main"),
        ("2.0.0", "feat: two", "main"),
        ("1.0.1", "fix: three", "v1.0.0"),
    ):
        clone.git("switch", "-q", "--detach", line)
        commit = clone.commit(message)
        clone.git("tag", f"v{version}")
        if line == "main":
            clone.git("branch", "--force", "main")
        server.state.parents[commit] = ()
        server.state.refs[f"refs/tags/v{version}"] = commit
    clone.git("switch", "-q", "main")
    clone.commit("feat: four")

    url = await released(clone, server, "1.0.1")
    assert url == f"https://github.example/{REPOSITORY}/releases/tag/v1.0.1"
    assert await released(clone, server, "v2.0.0")
    assert await released(clone, server, "3.0.0", draft=True)
    with pytest.raises(PipelineError, match=r"has no tag v3\.0\.0: push the tag first"):
        await released(clone, server, "3.0.0")
    with pytest.raises(PipelineError, match=r"version tag 'v1\.0' is refused"):
        await released(clone, server, "1.0")

    hotfix, latest, draft = server.state.releases
    assert server.state.moved_latest == ["v2.0.0"]
    assert (hotfix["draft"], latest["draft"], draft["draft"]) == (False, False, True)
    assert ("three" in hotfix["body"], "two" in latest["body"], "four" in draft["body"]) == (True, True, True)
    assert "two" not in hotfix["body"]
    assert "three" not in latest["body"]
