"""What CI calls: the plan of an event, carried out; what it comes to is a directory of reports with a verdict."""

from collections.abc import Awaitable, Callable, Sequence

import dagger

from ci import sources
from ci import suite as suites
from ci.event import Event, plan_of, situation
from ci.history import at, files_of
from ci.leave import Outside, steps_of
from ci.origin import with_origin
from ci.outcome import Status
from ci.policy.facts import Facts
from ci.policy.needs import lacking
from ci.policy.not_run import consequence
from ci.policy.plan import Plan
from ci.policy.suites import stages_of
from ci.rescan import rescan, with_deployed
from ci.steps import take
from ci.telling import tell, telling, told
from ci.verdict import Verdict, written

Pipeline = Callable[[dagger.Directory, str], Awaitable[object]]
"""Makes the module over the files of a commit, whose image says that it was made from the given one; "" says nothing."""


async def run(
    pipeline: Pipeline, source: dagger.Directory, history: dagger.Directory, event: Event, outside: Outside
) -> dagger.Directory:
    """Answer an event: plan, test, publish, deploy, release, bring back, tell, report.

    What is tested and published is the commit, not the files that lie about. Red stages are in the reports; it raises
    only for an event that cannot be read and a history that cannot be asked, and then nothing has been done.
    """
    known = await situation(event, source, history)
    known = await with_deployed(await with_origin(known, outside.github), outside)
    plan = await plan_of(known, outside.registry)
    hindrances = [
        *plan.failures,
        *lacking(plan, registry=outside.registry is not None, github=outside.github is not None),
    ]

    commit = known.facts.commit
    history = at(history, commit)
    files = (await files_of(history, commit)).filter(exclude=sources.IGNORED)
    names = _stages(plan)
    module = await pipeline(files, commit if plan.image else "") if names else None
    steps = steps_of(plan, known, outside, files, history, module)
    whom = told(known.facts, plan, outside)
    planned = [*names, *(each.stage for each in plan.rescans), *(step.name for step in steps)]
    async with telling(whom, planned) as ended:
        results = await suites.run(module, names, ended, history=history, **_proposed(known.facts))
        results += await rescan(module, outside.registry, plan.rescans, ended)
        tested = tuple(result.outcome for result in results)

        silent = {one.stage: one.reason for one in tested if one.status is Status.NOT_RUN}
        unsure = consequence(silent, plan, known.facts.trigger)
        hindrances += unsure.failures

        red = [outcome.stage for outcome in tested if outcome.is_red]
        done = await take(steps, f"{', '.join(red)} red" if red else next(iter(hindrances), ""), ended)
    outcomes = (*tested, *done)
    warnings = [*plan.warnings, *unsure.warnings, *await tell(whom, plan, outcomes)]
    return await written(Verdict(plan, outcomes, tuple(hindrances), tuple(warnings)), results)


def _proposed(facts: Facts) -> dict[str, str]:
    """What stages are told of a proposal: its base, and the title that its merge gets."""
    if facts.base is None:
        return {}
    return {"base": facts.base.name, "title": facts.title}


def _stages(plan: Plan) -> Sequence[str]:
    """Name the stages of the plan's suites and those beside them, each once."""
    return tuple(dict.fromkeys([*(name for suite in plan.suites for name in stages_of(suite)), *plan.stages]))
