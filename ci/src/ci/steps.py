"""What is done outside of the pipeline once everything is green: one step after the other, until one fails."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import dagger

from ci.errors import LeftOut, PipelineError
from ci.excerpt import root_cause
from ci.outcome import Outcome, Record, Status
from ci.spans import shown

AGAIN: Final = "run the job again: what is done is found and kept, the rest is done"


@dataclass(frozen=True)
class Step:
    """Something that changes the world outside; doing it twice is doing it once."""

    name: str
    do: Callable[[], Awaitable[str]]
    """Does it, and says in one line what came of it."""


async def take(
    steps: Sequence[Step], hindrance: str, ended: Callable[[Outcome], None] = lambda _: None
) -> tuple[Outcome, ...]:
    """Take the steps in order; after one that failed, and where there is a hindrance from the start, none is taken.

    `ended` is told of each when it has ended.
    """
    outcomes: list[Outcome] = []
    for step in steps:
        outcome = await _attempt(step) if not hindrance else Outcome(step.name, Status.SKIPPED, reason=hindrance)
        outcomes.append(outcome)
        ended(outcome)
        if outcome.is_red:
            hindrance = f"{step.name} failed"
    return tuple(outcomes)


async def _attempt(step: Step) -> Outcome:
    """Take one step; whatever goes wrong is an outcome, so that what was done before is reported."""
    started = time.time()
    try:
        with shown(step.name) as leave_out:
            try:
                said = await step.do()
            except LeftOut as reason:
                leave_out(str(reason))
                return Outcome(step.name, Status.LEFT_OUT, Record(started, time.time(), 0), str(reason))
    except PipelineError as error:
        return _failed(step, Status.FAILED, started, str(error))
    except dagger.DaggerError as error:
        return _failed(step, Status.ERROR, started, root_cause(str(error)))
    except Exception as error:  # noqa: BLE001 - a fault here must not hide what the steps before have done
        return _failed(step, Status.ERROR, started, f"{type(error).__name__}: {error}")
    return Outcome(step.name, Status.PASSED, Record(started, time.time(), 0), said)


def _failed(step: Step, status: Status, started: float, reason: str) -> Outcome:
    return Outcome(step.name, status, Record(started, time.time(), 1), reason, remedy=AGAIN)
