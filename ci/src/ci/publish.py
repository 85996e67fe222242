"""Publishing by hand: the image of the commit that is checked out, as a push to main would publish it."""

from collections.abc import Sequence
from typing import Final, cast

import dagger

from ci import publishing, sources, suite
from ci.errors import PipelineError, SuiteFailed
from ci.history import files_of, past_of
from ci.leave import WithImage
from ci.outcome import Outcome, Status
from ci.policy.facts import Facts, parse_facts
from ci.policy.models import MAIN
from ci.policy.not_run import consequence
from ci.policy.plan import Image, Plan
from ci.policy.publication import commit_image, foreign_image, tags_to_look_up
from ci.policy.suites import Suite, stages_of
from ci.policy.trigger import Trigger
from ci.registry import Repository, look_up, revisions
from ci.run import Pipeline
from ci.summary import as_text

STAGES: Final = stages_of(Suite.FULL)


class NotPublished(PipelineError):  # noqa: N818 - what happened
    """The commit's tag is another commit's, or a check was not made."""


async def publish(pipeline: Pipeline, history: dagger.Directory, registry: Repository) -> str:
    """Publish the commit of HEAD, once its full suite is green; gives the image's reference by digest.

    The commit counts, not the files that lie about. What is published already is neither built nor tested again.
    """
    commit = (await past_of(history)).commit

    async def wanted() -> Image:
        return await _wanted(commit, registry)

    image, plan = None, await wanted()
    if plan.promotes is None:
        files = (await files_of(history, commit)).filter(exclude=sources.IGNORED)
        module = await pipeline(files, commit)
        _approve([result.outcome for result in await suite.run(module, STAGES, history=history)], plan)
        image = await cast(WithImage, module).image()
    return (await publishing.publish(image, plan, registry, wanted)).reference


def _approve(outcomes: Sequence[Outcome], wanted: Image) -> None:
    """Let pass what is green in full; a check that nobody answered blocks, as it does in CI."""
    if any(outcome.is_red for outcome in outcomes):
        raise SuiteFailed(as_text(Suite.FULL, outcomes))
    silent = {outcome.stage: outcome.reason for outcome in outcomes if outcome.status is Status.NOT_RUN}
    unsure = consequence(silent, Plan("publishing by hand", image=wanted), Trigger.BRANCH)
    if unsure.failures:
        raise NotPublished("; ".join(unsure.failures))


async def _wanted(commit: str, registry: Repository) -> Image:
    """Decide, by what the registry says now, whether the commit's image is pushed or is there."""
    published = await look_up(registry, tags_to_look_up(_facts(commit, {}, {})))
    facts = _facts(commit, published, await revisions(registry, published.values()))
    if why := foreign_image(facts):
        raise NotPublished(why)
    return commit_image(facts)


def _facts(commit: str, published: dict[str, str], made_from: dict[str, str]) -> Facts:
    ref = f"refs/heads/{MAIN}"
    return parse_facts(event="push", ref=ref, commit=commit, published=published, revisions=made_from)
