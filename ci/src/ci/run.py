"""What CI calls: the plan of an event, carried out; what it comes to is a directory of reports with a verdict."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import dagger

from ci import sources
from ci import suite as suites
from ci.event import Event, Situation, plan_of, situation
from ci.history import files_of
from ci.leave import Outside, steps_of, tell
from ci.outcome import Outcome, Status
from ci.policy.needs import lacking
from ci.policy.not_run import consequence
from ci.policy.plan import Plan
from ci.policy.suites import stages_of
from ci.stage import Result
from ci.steps import take
from ci.verdict import Verdict, written

Pipeline = Callable[[dagger.Directory, str], Awaitable[object]]
"""Makes the module over the files of a commit, whose image says that it was made from the given one; "" says nothing."""


@dataclass(frozen=True)
class Tested:
    """The stages of a plan, carried out."""

    module: object
    results: tuple[Result, ...]

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """How they ended."""
        return tuple(result.outcome for result in self.results)


async def run(
    pipeline: Pipeline, source: dagger.Directory, history: dagger.Directory, event: Event, outside: Outside
) -> dagger.Directory:
    """Answer an event: plan, test, publish, deploy, release, bring back, tell, report.

    What is tested and published is the commit, not the files that lie about. Red stages are in the reports; it raises
    only for an event that cannot be read and a history that cannot be asked, and then nothing has been done.
    """
    known = await situation(event, source, history)
    plan = await plan_of(known, outside.registry)
    hindrances = [
        *plan.failures,
        *lacking(plan, registry=outside.registry is not None, github=outside.github is not None),
    ]

    tested = await _tested(pipeline, history, known, plan)
    silent = {one.stage: one.reason for one in tested.outcomes if one.status is Status.NOT_RUN}
    unsure = consequence(silent, plan, known.facts.trigger)
    hindrances += unsure.failures

    red = [outcome.stage for outcome in tested.outcomes if outcome.is_red]
    done = await take(
        steps_of(plan, known, outside, history, tested.module),
        hindrance=f"{', '.join(red)} red" if red else next(iter(hindrances), ""),
    )
    outcomes = (*tested.outcomes, *done)
    warnings = [*plan.warnings, *unsure.warnings, *await tell(known.facts, outside, outcomes)]
    return await written(Verdict(plan, outcomes, tuple(hindrances), tuple(warnings)), tested.results)


async def _tested(pipeline: Pipeline, history: dagger.Directory, known: Situation, plan: Plan) -> Tested:
    """Carry out the stages of the plan's suites and those beside them, each once."""
    names = _stages(plan)
    if not names:
        return Tested(None, ())
    commit = known.facts.commit
    files = (await files_of(history, commit)).filter(exclude=sources.IGNORED)
    module = await pipeline(files, commit if plan.image else "")
    return Tested(module, await suites.run(module, names, history))


def _stages(plan: Plan) -> Sequence[str]:
    return tuple(dict.fromkeys([*(name for suite in plan.suites for name in stages_of(suite)), *plan.stages]))
