"""How a commit came to its branch: by a pull request, or past them. A merge that rebases leaves no word of it in git."""

from dataclasses import replace
from typing import TYPE_CHECKING

from ci.errors import PipelineError
from ci.event import Situation
from ci.policy.changes import depends_on_its_way

if TYPE_CHECKING:
    from ci.github import GitHub


async def with_origin(known: Situation, github: "GitHub | None") -> Situation:
    """Add to the facts how the commit came, where anything depends on it; without GitHub its message has to tell."""
    facts = known.facts
    if github is None or facts.from_fork or not depends_on_its_way(facts):
        return known
    from ci.github.commits import came_by_pull_request

    try:
        async with github.open() as api:
            came = await came_by_pull_request(api, facts.commit, facts.ref.name)
    except PipelineError as error:
        return replace(known, warnings=(*known.warnings, f"its message tells how the commit came: {error}"))
    return known.with_facts(by_pull_request=came)
