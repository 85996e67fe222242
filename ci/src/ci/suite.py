"""Runs the stages of a suite concurrently, all of them whatever becomes of each."""

import functools
import inspect

import anyio

from ci.errors import SuiteFailed
from ci.policy.suites import Suite, stages_of
from ci.stage import Result, carry_out
from ci.summary import as_text


async def run(module: object, suite: Suite) -> tuple[Result, ...]:
    """Carry out every stage of the suite; results come in the suite's order."""
    results: dict[str, Result] = {}

    async def one(name: str) -> None:
        build = inspect.unwrap(getattr(type(module), name))
        results[name] = await carry_out(name, functools.partial(build, module))

    async with anyio.create_task_group() as group:
        for name in stages_of(suite):
            # A red stage is a result, so none of them cancels the others.
            group.start_soon(one, name)
    return tuple(results[name] for name in stages_of(suite))


async def check(module: object, suite: Suite) -> str:
    """Run a suite and say how it went; raises SuiteFailed with the same text when a stage is red."""
    outcomes = [result.outcome for result in await run(module, suite)]
    text = as_text(suite, outcomes)
    if not all(outcome.passed for outcome in outcomes):
        raise SuiteFailed(text)
    return text
