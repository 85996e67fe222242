"""Runs the stages of a suite concurrently, all of them whatever becomes of each."""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence

import anyio
import dagger

from ci.errors import SuiteFailed
from ci.outcome import Outcome
from ci.policy.suites import Suite, stages_of
from ci.stage import Build, Result, carry_out
from ci.summary import as_text


async def run(
    module: object, stages: Sequence[str], ended: Callable[[Outcome], None] = lambda _: None, **facts: object
) -> tuple[Result, ...]:
    """Carry out stages, each a method of the module; results come in the order of the names.

    A stage gets those of the facts, such as the history, that it has a parameter for. `ended` is told of each when it
    has ended.
    """
    results: dict[str, Result] = {}

    async def one(name: str) -> None:
        results[name] = await carry_out(name, _build(module, name, facts))
        ended(results[name].outcome)

    async with anyio.create_task_group() as group:
        for name in stages:
            # A red stage is a result, so none of them cancels the others.
            group.start_soon(one, name)
    return tuple(results[name] for name in stages)


def _build(module: object, name: str, facts: Mapping[str, object]) -> Build:
    method = inspect.unwrap(getattr(type(module), name))
    known = inspect.signature(method).parameters
    return functools.partial(method, module, **{fact: value for fact, value in facts.items() if fact in known})


async def check(module: object, suite: Suite, history: dagger.Directory) -> str:
    """Run a suite and say how it went; raises SuiteFailed with the same text when a stage is red."""
    outcomes = [result.outcome for result in await run(module, stages_of(suite), history=history)]
    text = as_text(suite, outcomes)
    if any(outcome.is_red for outcome in outcomes):
        raise SuiteFailed(text)
    return text
