"""Images on their way into a registry, by plans that the policy made of what the registry says."""

import contextlib
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from typing import Any

import anyio
import anyio.to_thread
import dagger
import pytest
from dagger import dag

from ci.event import Situation, plan_of
from ci.history import Past
from ci.policy.facts import parse_facts
from ci.policy.moves import Action
from ci.policy.plan import Image
from ci.policy.tags import ImageTag
from ci.publishing import PlanOutdated, Published, PublishingError, RaceLost, TagTaken, publish
from ci.registry import RegistryBroken, RegistryDenied, RegistryError, Repository, push
from registry import LocalRegistry
from registry_proxy import Fault, Proxy

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("connected")]

FIRST, SECOND = "a" * 40, "b" * 40


class NotPlanned(Exception):  # noqa: N818 - what the plan says
    """The policy publishes nothing."""


@dataclass(frozen=True)
class Run:
    """A run of the pipeline, as far as it publishes."""

    repository: Repository
    ref: str
    commit: str = FIRST
    git_tags: tuple[str, ...] = ()
    content: str = "content"

    @property
    def image(self) -> dagger.Container:
        """What was built and tested."""
        image = dag.container().with_new_file("/made", self.content)
        return image.with_label("org.opencontainers.image.revision", self.commit)

    async def plan(self) -> Image:
        """Ask the policy, with what the registry says now."""
        said: dict[str, Any] = {"event": "push", "ref": self.ref, "commit": self.commit, "tags": self.git_tags}
        said |= {"published": {}, "model": "trunk", "by_pull_request": True}
        plan = await plan_of(Situation(parse_facts(**said), Past("", (), (), ()), said), self.repository)
        if plan.image is None:
            raise NotPlanned(*plan.failures)
        return plan.image

    async def publish(self, wanted: Image | None = None) -> Published:
        """Do what the plan says: with a tested image where none is promoted."""
        wanted = wanted or await self.plan()
        return await publish(None if wanted.promotes else self.image, wanted, self.repository, self.plan)


def main(repository: Repository, commit: str = FIRST, content: str = "content") -> Run:
    """A push to main."""
    return Run(repository, "refs/heads/main", commit, content=content)


def tag(repository: Repository, version: str, commit: str = FIRST, *known: str, content: str = "content") -> Run:
    """A push of a version's tag."""
    return Run(repository, f"refs/tags/v{version}", commit, (f"v{version}", *known), content)


async def published(run: Run, registry: LocalRegistry, *tags: str) -> str:
    """What another run has published, given straight to the registry; returns its digest."""
    digest = await push(run.repository, run.image, tags[0])
    for name in tags[1:]:
        registry.put(path(run.repository), name, digest)
    return digest


def path(repository: Repository) -> str:
    """The repository's name within its registry."""
    return repository.address.partition("/")[2]


def puts(proxy: Proxy) -> list[str]:
    """The tags that were put, in order."""
    return [request.rpartition("/")[2] for request in proxy.seen("^PUT .*/manifests/")]


async def test_what_main_publishes_is_there_once(repository: Repository, registry: LocalRegistry, proxy: Proxy) -> None:
    """The commit's tag has the digest that was pushed; another run takes it and sends nothing."""
    first = await main(repository).publish()
    assert registry.tags(path(repository)) == {"sha-aaaaaaa": first.digest}
    assert first.describe() == f"{repository.address}@{first.digest}\nkeep    sha-aaaaaaa"

    proxy.requests.clear()
    assert await main(repository, content="another build of the same commit").publish() == first
    assert proxy.seen("^(POST|PUT|PATCH)") == []


async def test_a_version_promotes_what_main_published(
    repository: Repository, registry: LocalRegistry, proxy: Proxy
) -> None:
    """Every tag is the very digest, nothing is built or sent, `latest` comes last; and again it is a no-op."""
    digest = await published(main(repository), registry, "sha-aaaaaaa")
    blobs = registry.blobs()
    proxy.requests.clear()
    version = await tag(repository, "1.4.2").publish()
    assert version.tags == ("sha-aaaaaaa", "1.4.2", "1.4", "1", "latest")
    assert registry.tags(path(repository)) == dict.fromkeys(version.tags, digest)
    assert registry.blobs() == blobs
    assert proxy.seen("^(POST|PATCH)") == []
    assert puts(proxy) == ["1.4.2", "1.4", "1", "latest"]

    proxy.requests.clear()
    again = await tag(repository, "1.4.2").publish()
    assert {move.action for move in again.moves} == {Action.KEEP}
    assert puts(proxy) == []


async def test_a_version_without_an_image_is_pushed_as_its_commit_first(
    repository: Repository, registry: LocalRegistry, proxy: Proxy
) -> None:
    """Whoever comes later finds that a green run made it."""
    version = await tag(repository, "1.4.2").publish()
    assert puts(proxy) == ["sha-aaaaaaa", "1.4.2", "1.4", "1", "latest"]
    assert registry.tags(path(repository)) == dict.fromkeys(version.tags, version.digest)


async def test_a_prerelease_is_its_own_version_and_nothing_else(
    repository: Repository, registry: LocalRegistry, proxy: Proxy
) -> None:
    """Another run of it changes nothing."""
    candidate = await tag(repository, "1.5.0-rc.1").publish()
    assert registry.tags(path(repository)) == {"1.5.0-rc.1": candidate.digest}
    assert await tag(repository, "1.5.0-rc.1").publish() == candidate
    assert puts(proxy) == ["1.5.0-rc.1"]


async def test_a_branchs_tag_moves_with_it(repository: Repository, registry: LocalRegistry) -> None:
    """The newest image replaces the one before."""
    branch = Run(repository, "refs/heads/feat/login")
    first = await published(branch, registry, "feat-login")
    second = await replace(branch, content="newer", commit=SECOND).publish()
    assert registry.tags(path(repository)) == {"feat-login": second.digest}
    assert second.digest != first


async def test_a_hotfix_on_an_older_line_leaves_latest_alone(repository: Repository, registry: LocalRegistry) -> None:
    """Its own line moves."""
    newer = await published(main(repository), registry, "2.0.1", "latest")
    hotfix = await tag(repository, "1.9.1", SECOND, "v2.0.1", content="hotfix").publish()
    assert hotfix.tags == ("sha-bbbbbbb", "1.9.1", "1.9", "1")
    given = dict.fromkeys(hotfix.tags, hotfix.digest)
    assert registry.tags(path(repository)) == {"2.0.1": newer, "latest": newer, **given}


async def test_latest_stays_with_a_version_that_git_had_not_told_of(
    repository: Repository, registry: LocalRegistry
) -> None:
    """A checkout from before the tag of a higher version plans to take `latest`; the registry knows better."""
    newer = await published(main(repository), registry, "2.0.1", "latest")
    hotfix = tag(repository, "1.9.1", SECOND, content="hotfix")
    assert ImageTag("latest", moves=True) in (await hotfix.plan()).tags
    with pytest.raises(PlanOutdated, match=r"latest belongs to 2\.0\.1"):
        await hotfix.publish()
    assert registry.tags(path(repository))["latest"] == newer


async def test_a_version_never_changes(repository: Repository, registry: LocalRegistry, proxy: Proxy) -> None:
    """The plan did not know of it; nothing is sent and nothing moves."""
    planned = await tag(repository, "1.4.2", SECOND).plan()
    await published(main(repository), registry, "sha-aaaaaaa", "1.4.2")
    before = registry.tags(path(repository))
    proxy.requests.clear()
    with pytest.raises(NotPlanned, match="a version is published once and never changed"):
        await tag(repository, "1.4.2", SECOND, content="other").publish(planned)
    assert registry.tags(path(repository)) == before
    assert proxy.seen("^(POST|PUT|PATCH)") == []


async def test_a_taken_tag_is_refused_even_where_nobody_decides_again(
    repository: Repository, registry: LocalRegistry
) -> None:
    """Neither by an image nor by a digest that is promoted."""
    there = await published(main(repository), registry, "1.4.2")
    other = await published(main(repository, SECOND, "other"), registry, "sha-bbbbbbb")
    before = registry.tags(path(repository))
    wanted = Image((ImageTag("1.4.2"), ImageTag("latest", moves=True)))

    async def blind() -> Image:
        return wanted

    with pytest.raises(TagTaken, match=f"1.4.2 is {there} and never changes"):
        await publish(main(repository, SECOND, "third").image, wanted, repository, blind)
    with pytest.raises(TagTaken, match=f"1.4.2 is {there} and never changes, so it cannot become {other}"):
        await publish(None, replace(wanted, promotes=other), repository, blind)
    assert registry.tags(path(repository)) == before


async def test_nothing_to_push_and_nothing_to_promote_is_refused(repository: Repository, proxy: Proxy) -> None:
    """Before anybody is asked."""
    with pytest.raises(PublishingError, match="neither an image to push nor a digest to promote"):
        await publish(None, Image((ImageTag("sha-aaaaaaa"),)), repository, main(repository).plan)
    assert proxy.requests == []


async def test_what_another_run_published_meanwhile_is_taken(
    repository: Repository, registry: LocalRegistry, proxy: Proxy
) -> None:
    """The plan was to push; by now the commit has an image, and that is the one."""
    planned = await main(repository).plan()
    assert planned.promotes is None
    there = await published(main(repository), registry, "sha-aaaaaaa")
    proxy.requests.clear()
    assert (await main(repository, content="another build").publish(planned)).digest == there
    assert proxy.seen("^(POST|PUT|PATCH)") == []


async def test_the_loser_of_a_race_says_whose_the_tag_is(
    repository: Repository, registry: LocalRegistry, proxy: Proxy
) -> None:
    """Between the push and the look at it, another run pushes the same tag: its digest and its commit are named."""
    other = await published(main(repository, SECOND, "other"), registry, "sha-bbbbbbb")
    proxy.faults.append(
        Fault("PUT .*/sha-aaaaaaa", times=1, then=lambda: registry.put(path(repository), "sha-aaaaaaa", other))
    )
    with pytest.raises(RaceLost, match=rf"sha-aaaaaaa is {other} \(of commit {SECOND}\), not sha256:"):
        await tag(repository, "1.4.2").publish()
    assert registry.tags(path(repository)) == {"sha-aaaaaaa": other, "sha-bbbbbbb": other}


async def test_a_floating_tag_that_another_run_takes_at_the_last_moment_is_told(
    repository: Repository, registry: LocalRegistry, proxy: Proxy
) -> None:
    """Not even what moves may be said to be published when it is not."""
    other = await published(main(repository, SECOND, "other"), registry, "sha-bbbbbbb")
    await published(main(repository), registry, "sha-aaaaaaa")
    proxy.faults.append(Fault("PUT .*/latest", times=1, then=lambda: registry.put(path(repository), "latest", other)))
    with pytest.raises(RaceLost, match=f"latest is {other}"):
        await tag(repository, "1.4.2").publish()
    tags = registry.tags(path(repository))
    assert tags["latest"] == other
    assert tags["1.4.2"] == tags["sha-aaaaaaa"] != other


async def test_two_runs_at_once_never_both_succeed_with_different_images(
    repository: Repository, registry: LocalRegistry
) -> None:
    """Who says that it published did; two different builds of one version cannot both say so."""
    said: list[str] = []

    async def one(content: str) -> None:
        with contextlib.suppress(PublishingError, NotPlanned):
            said.append((await tag(repository, "1.4.2", content=content).publish()).digest)

    async with anyio.create_task_group() as group:
        for content in ("one", "two"):
            group.start_soon(one, content)
    tags = registry.tags(path(repository))
    assert len(set(said)) <= 1
    assert all(tags[name] == digest for digest in said for name in ("sha-aaaaaaa", "1.4.2", "1.4", "1", "latest"))


async def test_what_was_not_finished_is_finished_by_the_next_run(
    repository: Repository, registry: LocalRegistry, proxy: Proxy
) -> None:
    """The registry fails at a floating tag: what never changes is there, and the next run builds nothing."""
    proxy.faults.append(Fault("PUT .*/manifests/1$", status=500))
    with pytest.raises(RegistryBroken, match="500"):
        await tag(repository, "1.4.2").publish()
    before = registry.tags(path(repository))
    assert before.keys() == {"sha-aaaaaaa", "1.4.2", "1.4"}
    proxy.faults.clear()
    proxy.requests.clear()
    done = await tag(repository, "1.4.2", content="another build").publish()
    assert registry.tags(path(repository)) == dict.fromkeys(done.tags, before["1.4.2"])
    assert proxy.seen("^(POST|PATCH)") == []
    assert puts(proxy) == ["1", "latest"]


# Publishes, in a process that can be killed.
KILLED = """
import sys
import anyio, dagger
from dagger import dag
from ci.policy.plan import Image
from ci.policy.tags import ImageTag
from ci.publishing import publish
from ci.registry import Repository

async def main(address, port):
    async with dagger.connection():
        service = dag.host().service([dagger.PortForward(backend=port, frontend=port)])
        wanted = Image((ImageTag("1.4.2"), ImageTag("sha-aaaaaaa"), ImageTag("latest", moves=True)))

        async def still_right():
            return wanted

        image = dag.container().with_new_file("/made", "content").with_label("org.opencontainers.image.revision", "a" * 40)
        await publish(image, wanted, Repository(address, service=service), still_right)

anyio.run(main, sys.argv[1], int(sys.argv[2]))
"""


async def test_a_run_that_is_killed_between_push_and_tags_is_finished_by_the_next(
    repository: Repository, registry: LocalRegistry, proxy: Proxy
) -> None:
    """`kill -9` when the push is done leaves the commit's tag alone, which the next run promotes."""
    command = [sys.executable, "-c", KILLED, repository.address, str(proxy.port)]
    process = subprocess.Popen(command, env=os.environ, stderr=subprocess.PIPE)  # noqa: ASYNC220 - only to be killed
    proxy.faults.append(
        Fault("PUT .*/manifests/sha-", times=1, then=lambda: os.kill(process.pid, signal.SIGKILL), seconds=0)
    )
    _, errors = await anyio.to_thread.run_sync(process.communicate)
    assert process.returncode == -signal.SIGKILL, errors
    before = registry.tags(path(repository))
    assert before.keys() == {"sha-aaaaaaa"}
    proxy.requests.clear()
    done = await tag(repository, "1.4.2", content="another build").publish()
    assert registry.tags(path(repository)) == dict.fromkeys(done.tags, before["sha-aaaaaaa"])
    assert proxy.seen("^(POST|PATCH)") == []


@pytest.mark.parametrize(
    ("fault", "error", "there"),
    [
        pytest.param(Fault("GET .*manifests", status=500), RegistryBroken, set(), id="it does not say what it has"),
        pytest.param(Fault("GET .*manifests", status=403), RegistryDenied, set(), id="it denies to say what it has"),
        pytest.param(Fault("POST", status=403), RegistryDenied, set(), id="it takes no blob"),
        pytest.param(Fault("PUT .*manifests", status=400), RegistryError, set(), id="it takes no manifest"),
        pytest.param(
            Fault("GET .*tags/list", status=500),
            RegistryBroken,
            {"sha-aaaaaaa", "1.4.2"},
            id="it does not list its tags",
        ),
    ],
)
async def test_a_registry_that_cannot_answer_gets_nothing_that_is_not_sure(
    repository: Repository,
    registry: LocalRegistry,
    proxy: Proxy,
    fault: Fault,
    error: type[RegistryError],
    there: set[str],
) -> None:
    """Nothing is published on a guess; floating tags stay where they are."""
    wanted = Image((ImageTag("sha-aaaaaaa"), ImageTag("1.4.2"), ImageTag("latest", moves=True)))

    async def still_right() -> Image:
        return wanted

    proxy.faults.append(fault)
    with pytest.raises(error):
        await publish(main(repository).image, wanted, repository, still_right)
    assert registry.tags(path(repository)).keys() == there
