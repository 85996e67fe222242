"""A release by hand: what the tag of a version would release, and nothing else of it."""

from dataclasses import replace

import dagger

from ci.errors import PipelineError
from ci.event import Event, plan_of, situation
from ci.github.client import API_URL, GitHub
from ci.github.releases import release
from ci.versions import release_notes


class NotReleased(PipelineError):  # noqa: N818 - what happened
    """The policy releases no such version."""


async def github_release(
    source: dagger.Directory,
    history: dagger.Directory,
    version: str,
    repository: str,
    token: dagger.Secret,
    api_url: str,
    *,
    draft: bool,
) -> str:
    """Make or update a version's release with its notes, as its tag would; gives the URL of its page."""
    tag = f"v{version.removeprefix('v')}"
    known = await situation(Event("push", f"refs/tags/{tag}"), source, history)
    plan = await plan_of(known, None)
    if plan.release is None or plan.failures:
        raise NotReleased(next(iter(plan.failures), f"{tag} is no version that is released"))
    wanted = replace(plan.release, draft=True, make_latest=False) if draft else plan.release
    notes = await (await release_notes(source, history, tag)).contents()
    return await release(GitHub(repository, token, api_url or API_URL), wanted, notes, known.facts.commit)
