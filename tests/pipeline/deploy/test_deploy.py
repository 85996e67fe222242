"""The order of a deployment's steps and the way back, on a target in memory that fails as it is told."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import anyio
import pytest

from ci.deploy import Agree, Deployment, DeploymentFailed, Ending, anything, carry_out, deploy
from ci.errors import LeftOut
from ci.registry import Repository
from ci.target import PublishedImage, Target, TargetFailed

OLD, NEW = f"sha256:{'0' * 63}1", f"sha256:{'0' * 63}2"


@dataclass
class Memory:
    """A target whose state a test sees: what runs, what is recorded, what was done. Faults are `step digest`."""

    recorded: str | None = None
    running: str | None = None
    faults: set[str] = field(default_factory=set)
    done: list[str] = field(default_factory=list)
    error: Exception = field(default_factory=lambda: TargetFailed("told to fail"))
    name: str = "staging"

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        self.done.append("begin")
        self._may_fail("turn")
        try:
            yield
        finally:
            self.done.append("end")

    async def current(self) -> str | None:
        return self.recorded

    async def migrate(self, image: PublishedImage) -> None:
        self._step("migrate", image.digest)

    async def replace(self, image: PublishedImage) -> None:
        self.running = image.digest
        self._step("replace", image.digest)

    async def probe(self) -> None:
        self._step("probe", str(self.running))

    async def record(self, digest: str) -> None:
        self._step("record", digest)
        self.recorded = digest

    def _step(self, step: str, digest: str) -> None:
        self.done.append(f"{step} {'new' if digest == NEW else 'old'}")
        self._may_fail(self.done[-1])

    def _may_fail(self, step: str) -> None:
        if step in self.faults:
            raise self.error


async def unless_newer(running: str) -> None:
    """Never agree."""
    raise LeftOut(f"{running} is newer")


async def deployed(target: Memory, digest: str = NEW, absent: str = "", agree: Agree = anything) -> Deployment:
    """Deploy a digest of a registry that has all but one."""

    async def pull(wanted: str) -> PublishedImage:
        if wanted == absent:
            raise TargetFailed(f"{wanted} cannot be had")
        return PublishedImage(wanted, f"registry.example/items@{wanted}", cast(Any, None))

    return await carry_out(pull, digest, cast(Target, target), agree)


async def test_the_first_deployment() -> None:
    """Migrations, start, smoke test, record, in this order and within one turn."""
    target = Memory()
    assert await deployed(target) == Deployment("staging", NEW, Ending.DEPLOYED)
    assert target.done == ["begin", "migrate new", "replace new", "probe new", "record new", "end"]


async def test_a_further_deployment_knows_what_was_there() -> None:
    """The digest before it is part of what is said."""
    deployment = await deployed(Memory(recorded=OLD, running=OLD))
    assert deployment == Deployment("staging", NEW, Ending.DEPLOYED, OLD)
    assert deployment.succeeded
    assert deployment.describe() == f"staging: deployed {NEW} (before: {OLD})"


async def test_the_same_digest_that_serves_is_left_alone() -> None:
    """It is looked at by the smoke test, and neither migrated nor recorded again."""
    target = Memory(recorded=NEW, running=NEW)
    assert (await deployed(target)).ending is Ending.UNCHANGED
    assert target.done == ["begin", "replace new", "probe new", "end"]


async def test_the_same_digest_that_does_not_serve_is_deployed_again() -> None:
    """What fails and has nothing else to go back to says so."""
    target = Memory(recorded=NEW, running=NEW, faults={"probe new"})
    deployment = await deployed(target)
    assert (deployment.ending, deployment.succeeded) == (Ending.NOTHING_TO_GO_BACK_TO, False)
    assert "migrate new" in target.done


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        ("migrate", "its migrations failed: told to fail"),
        ("replace", "it did not start: told to fail"),
        ("probe", "its smoke test failed: told to fail"),
        ("record", "it could not be recorded: told to fail"),
    ],
)
async def test_whatever_fails_the_one_before_runs_again_and_is_tested(step: str, reason: str) -> None:
    """The record stays what it was, and no step after the failed one is taken."""
    target = Memory(recorded=OLD, running=OLD, faults={f"{step} new"})
    deployment = await deployed(target)
    assert deployment == Deployment("staging", NEW, Ending.ROLLED_BACK, OLD, reason)
    assert target.done[-4:] == [f"{step} new", "replace old", "probe old", "end"]
    assert (target.recorded, target.running) == (OLD, OLD)
    assert not deployment.succeeded


@pytest.mark.parametrize("step", ["replace", "probe"])
async def test_a_way_back_that_fails_is_told_with_both_reasons(step: str) -> None:
    """The target does not serve, which is worse than a red run."""
    deployment = await deployed(Memory(recorded=OLD, running=OLD, faults={"probe new", f"{step} old"}))
    assert deployment.ending is Ending.ROLL_BACK_FAILED
    assert deployment.describe() == (
        f"staging: {NEW} was not deployed: its smoke test failed: told to fail\n"
        f"staging: {OLD} does not run any more either: "
        f"{'it did not start' if step == 'replace' else 'its smoke test failed'}: told to fail"
    )


async def test_a_way_back_to_an_image_that_is_gone_is_told() -> None:
    """Somebody removed it from the registry."""
    deployment = await deployed(Memory(recorded=OLD, faults={"migrate new"}), absent=OLD)
    assert deployment.ending is Ending.ROLL_BACK_FAILED
    assert deployment.roll_back_reason == f"{OLD} cannot be had"


async def test_a_first_deployment_that_fails_has_nothing_to_go_back_to() -> None:
    """It is told apart from a roll-back that failed."""
    target = Memory(faults={"probe new"})
    deployment = await deployed(target)
    assert deployment.ending is Ending.NOTHING_TO_GO_BACK_TO
    assert deployment.describe().endswith("staging: there is nothing to go back to, so it does not serve")
    assert target.recorded is None


async def test_what_is_not_to_be_replaced_is_left_as_it_is() -> None:
    """It is asked within the turn, so that nobody deploys in between; then nothing is done at all."""
    target = Memory(recorded=OLD, running=OLD)
    with pytest.raises(LeftOut, match="newer"):
        await deployed(target, agree=unless_newer)
    assert (target.done, target.recorded) == (["begin", "end"], OLD)


async def test_the_same_digest_needs_nobody_to_agree() -> None:
    """Nothing is replaced."""
    assert (await deployed(Memory(recorded=NEW), agree=unless_newer)).ending is Ending.UNCHANGED


async def test_an_image_that_cannot_be_had_touches_nothing() -> None:
    """It is asked for before the target is."""
    target = Memory(recorded=OLD, running=OLD)
    with pytest.raises(TargetFailed, match="cannot be had"):
        await deployed(target, absent=NEW)
    assert target.done == []


async def test_a_target_that_is_not_reached_is_an_error() -> None:
    """Nothing could be tried, so there is no ending."""
    with pytest.raises(TargetFailed, match="told to fail"):
        await deployed(Memory(faults={"turn"}))


async def test_any_exception_of_a_teams_target_leads_back() -> None:
    """Its kind is told, because the message alone may say little."""
    target = Memory(recorded=OLD, running=OLD, faults={"replace new"}, error=KeyError("lease"))
    deployment = await deployed(target)
    assert deployment.ending is Ending.ROLLED_BACK
    assert deployment.reason == "it did not start: KeyError: 'lease'"


async def test_an_interruption_is_not_taken_for_a_failure() -> None:
    """The turn ends, nothing is recorded, and the next deployment finds what was there before."""
    target = Memory(recorded=OLD, running=OLD)

    async def forever() -> None:
        await anyio.sleep_forever()

    target.probe = forever  # type: ignore[method-assign]  # the one step that hangs
    with anyio.move_on_after(0.05):
        await deployed(target)
    assert target.done == ["begin", "migrate new", "replace new", "end"]
    assert target.recorded == OLD


@pytest.mark.parametrize("digest", ["latest", "", "sha256:abc", f"sha256:{'A' * 64}", f"{NEW}\n"])
async def test_only_a_digest_is_deployed(digest: str) -> None:
    """A tag could be another image by the time it is pulled."""
    target = Memory()
    with pytest.raises(TargetFailed, match=r"digest .* is refused: expected sha256: and 64"):
        await deploy(Repository("registry.example/items"), digest, cast(Target, target))
    assert target.done == []


def test_a_failed_deployment_is_an_error_with_the_whole_story() -> None:
    """What `deploy` raises on the command line is what it says."""
    deployment = Deployment("staging", NEW, Ending.ROLLED_BACK, OLD, "its smoke test failed: exit code 1")
    assert str(DeploymentFailed(deployment)) == (
        f"staging: {NEW} was not deployed: its smoke test failed: exit code 1\n"
        f"staging: rolled back to {OLD}, which passes its smoke test"
    )
