"""Publishing by hand: the image of the commit that is checked out, as a push to main would publish it."""

from typing import cast

import dagger

from ci import publishing, sources, suite
from ci.errors import PipelineError
from ci.history import files_of, past_of
from ci.leave import WithImage
from ci.policy.facts import Facts, parse_facts
from ci.policy.models import MAIN
from ci.policy.plan import Image
from ci.policy.publication import commit_image, foreign_image, tags_to_look_up
from ci.policy.suites import Suite
from ci.registry import Repository, look_up, revisions
from ci.run import Pipeline


class NotPublished(PipelineError):  # noqa: N818 - what happened
    """The commit's tag is another commit's."""


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
        await suite.check(module, Suite.FULL, history)
        image = await cast(WithImage, module).image()
    return (await publishing.publish(image, plan, registry, wanted)).reference


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
