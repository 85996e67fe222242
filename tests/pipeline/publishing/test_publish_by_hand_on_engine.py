"""The function `publish`: the commit that is checked out, after its full suite, as a push to main would publish it."""

import json
from pathlib import Path

import dagger
import pytest

from ci.errors import NotRun, SuiteFailed
from ci.publish import NotPublished, publish
from ci.registry import Repository
from registry import LocalRegistry
from registry_proxy import Proxy
from run_world import Clone, SmallPipeline, small, small_project

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("connected")]


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """A small project with one commit."""
    return small_project(tmp_path)


async def never(*_: object) -> object:
    """A pipeline that must not be made."""
    raise AssertionError("it was built again")


async def test_the_commit_is_published_once(
    clone: Clone, repository: Repository, registry: LocalRegistry, proxy: Proxy
) -> None:
    """By its digest, whatever lies about uncommitted; again it is not built, not tested, and nothing is sent."""
    commit = clone.git("rev-parse", "HEAD")
    (clone.path / "src/app/main.py").write_text("uncommitted\n")
    reference = await publish(small, clone.history, repository)
    address, _, digest = reference.partition("@")
    assert address == repository.address
    assert registry.tags(address.partition("/")[2]) == {f"sha-{commit[:7]}": digest}
    assert b'"org.opencontainers.image.revision":"' + commit.encode() in configuration(registry, digest)

    proxy.requests.clear()
    assert await publish(never, clone.history, repository) == reference
    assert proxy.seen("^(POST|PUT|PATCH)") == []


async def test_a_red_suite_publishes_nothing(clone: Clone, repository: Repository, proxy: Proxy) -> None:
    """Only a commit whose full suite is green gets a tag."""
    clone.commit("feat: a fault", **{"src__app__red-lint": ""})
    with pytest.raises(SuiteFailed, match="lint failed"):
        await publish(small, clone.history, repository)
    assert proxy.seen("^(POST|PUT|PATCH)") == []


async def test_a_check_that_nobody_answered_publishes_nothing(
    clone: Clone, repository: Repository, proxy: Proxy
) -> None:
    """What is published is promoted later without another look."""

    class Unanswered(SmallPipeline):
        def audit(self) -> dagger.Container:
            raise NotRun("the advisories were not to be had")

    async def unanswered(source: dagger.Directory, revision: str) -> object:
        return Unanswered(source, revision)

    with pytest.raises(NotPublished, match="audit was not run: the advisories were not to be had"):
        await publish(unanswered, clone.history, repository)
    assert proxy.seen("^(POST|PUT|PATCH)") == []


async def test_the_image_of_another_commit_is_not_taken(
    clone: Clone, repository: Repository, registry: LocalRegistry
) -> None:
    """Two commits whose hashes begin alike: the second is told, and nothing changes."""
    path = repository.address.partition("/")[2]
    digest = (await publish(small, clone.history, repository)).rpartition("@")[2]
    first, second = clone.git("rev-parse", "HEAD"), clone.commit("fix: another")
    registry.put(path, f"sha-{second[:7]}", digest)
    with pytest.raises(NotPublished, match=f"sha-{second[:7]} is the image of another commit, {first}"):
        await publish(never, clone.history, repository)


def configuration(registry: LocalRegistry, digest: str) -> bytes:
    """The configuration of an image, without the spaces between its parts."""
    found = json.loads(registry.content(json.loads(registry.content(digest))["config"]["digest"]))
    return json.dumps(found, separators=(",", ":")).encode()
