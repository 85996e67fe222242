"""What CI would do for an event, shown."""

import dagger

from ci.event import Event, plan_of, situation
from ci.policy.render import as_json, as_table
from ci.registry import Repository


async def plan(
    source: dagger.Directory, history: dagger.Directory, event: Event, registry: Repository | None, json: bool
) -> str:
    """Decide what a run would do, and write it down; where no registry is given, the plan says so."""
    decided = await plan_of(await situation(event, source, history), registry)
    return as_json(decided) if json else as_table(decided)
