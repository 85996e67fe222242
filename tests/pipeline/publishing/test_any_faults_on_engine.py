"""Whatever a registry does wrong, in whatever order: its tags are as before or as planned, and a good day finishes it."""

import random
from dataclasses import replace

import pytest
from dagger import dag

from ci.errors import PipelineError
from ci.policy.plan import Image
from ci.policy.tags import ImageTag
from ci.publishing import publish
from ci.registry import Patience, Repository, look_up, push
from registry import LocalRegistry
from registry_proxy import Fault, Proxy

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("connected")]

COMMIT_TAG, VERSION = "sha-aaaaaaa", "1.4.2"
FLOATING = ("1.4", "1", "latest")
TAGS = (ImageTag(VERSION), ImageTag(COMMIT_TAG), *(ImageTag(name, moves=True) for name in FLOATING))
RUNS = 3

REQUESTS = (
    "GET .*/manifests/",
    "PUT .*/manifests/",
    "PUT .*/manifests/1",
    "POST",
    "HEAD .*/blobs/",
    "tags/list",
    "/v2/$",
)
FAULTS = (
    Fault("", status=500),
    Fault("", status=403),
    Fault("", status=429, headers={"Retry-After": "0"}),
    Fault("", status=500, after=True),
    Fault("", reset=True),
    Fault("", reset=True, after=True),
    Fault("", cut=5),
    Fault("", body=b"<html>", headers={"Content-Type": "text/html"}),
)


def some_faults(chance: random.Random) -> list[Fault]:
    """One to three faults, each for a few requests or for all."""
    return [
        replace(chance.choice(FAULTS), pattern=chance.choice(REQUESTS), times=chance.choice((1, 2, 5, 1000)))
        for _ in range(chance.randint(1, 3))
    ]


@pytest.mark.parametrize("seed", [pytest.param(seed, id=f"seed {seed}") for seed in range(2)])
async def test_tags_are_as_before_or_as_planned(
    repository: Repository, registry: LocalRegistry, proxy: Proxy, seed: int
) -> None:
    """A version is published by runs that fail anyhow; each builds another image, and only one is ever taken."""
    chance = random.Random(seed)
    patient, impatient = repository, replace(repository, patience=Patience(attempt=3, question=5, pause=0.02))
    path = repository.address.partition("/")[2]
    older = await push(repository, dag.container().with_new_file("/made", "older"), "1.4.1")
    for name in FLOATING:
        registry.put(path, name, older)
    before = {**dict.fromkeys(FLOATING, older), "1.4.1": older}

    async def plan() -> Image:
        return Image(TAGS, (await look_up(repository, [COMMIT_TAG])).get(COMMIT_TAG))

    def seen() -> str | None:
        """Check every tag; gives the digest that the commit has."""
        tags = registry.tags(path)
        ours = tags.get(COMMIT_TAG)
        for name, digest in tags.items():
            assert digest in {before.get(name), ours}, f"{name} in {proxy.faults}"
        assert ours or VERSION not in tags, "a version without its commit's tag"
        return ours

    first: str | None = None
    for number in range(RUNS):
        is_last = number == RUNS - 1
        proxy.faults[:] = [] if is_last else some_faults(chance)
        repository = patient if is_last else impatient
        image = dag.container().with_new_file("/made", f"run {number}")
        try:
            published = await publish(image, await plan(), repository, plan)
        except PipelineError:
            assert proxy.faults, "without a fault it succeeds"
        else:
            assert registry.tags(path) == {"1.4.1": older, **dict.fromkeys(published.tags, published.digest)}
        ours = seen()
        assert first in {None, ours}, "what never changes has changed"
        first = ours
    assert registry.tags(path) == {"1.4.1": older, **dict.fromkeys((COMMIT_TAG, VERSION, *FLOATING), first)}
