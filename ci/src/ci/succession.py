"""What a target runs, as seen from the commit that would replace it: registry, history and GitHub are asked, policy decides."""

from typing import TYPE_CHECKING

import dagger

from ci.errors import LeftOut
from ci.history import difference
from ci.policy.succession import Difference, objection
from ci.registry import Repository, revision
from ci.target import TargetFailed

if TYPE_CHECKING:
    from ci.github import GitHub


async def agree(
    commit: str, running: str, registry: Repository, history: dagger.Directory, github: "GitHub | None"
) -> None:
    """Return when a commit may replace the image that runs, given by its digest.

    LeftOut when what runs is newer; TargetFailed when nobody knows.
    """
    deployed = await revision(registry, running)
    asked = deployed is not None and deployed != commit
    known = await _difference(commit, str(deployed), history, github) if asked else None
    objected = objection(commit, deployed, known)
    if objected is not None:
        raise TargetFailed(objected.why) if objected.is_failure else LeftOut(objected.why)


async def _difference(
    commit: str, deployed: str, history: dagger.Directory, github: "GitHub | None"
) -> Difference | None:
    """Ask the history; GitHub only where that was fetched before the commit was pushed."""
    known = await difference(history, commit, deployed)
    if known is not None or github is None:
        return known
    from ci.github.commits import difference as on_github

    async with github.open() as api:
        return await on_github(api, commit, deployed)
