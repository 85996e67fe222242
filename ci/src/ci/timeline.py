"""When the stages of a suite ran, beside each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ci.outcome import Outcome, Record

SAME_RUN: Final = 60.0
"""Seconds without any stage at work after which what follows counts as another run."""


@dataclass(frozen=True)
class Bar:
    """One stage on the time axis; seconds from the start of the run that it was part of."""

    stage: str
    offset: float
    seconds: float
    earlier: bool
    """Its result is of an earlier run, and nothing that it depends on has changed since."""


def timeline(outcomes: Sequence[Outcome], same_run: float = SAME_RUN) -> tuple[Bar, ...]:
    """Lay out the stages that ran, in the order of the outcomes; those of earlier runs each begin at zero."""
    ran = {outcome.stage: outcome.record for outcome in outcomes if outcome.record is not None}
    if not ran:
        return ()
    start = _start_of_last_run(list(ran.values()), same_run)
    return tuple(
        Bar(
            stage,
            offset=max(0.0, record.started - start),
            seconds=record.seconds,
            earlier=record.started < start,
        )
        for stage, record in ran.items()
    )


def _start_of_last_run(records: Sequence[Record], same_run: float) -> float:
    latest_first = sorted(records, key=lambda record: record.ended, reverse=True)
    start = latest_first[0].started
    for record in latest_first[1:]:
        if record.ended < start - same_run:
            break
        start = min(start, record.started)
    return start
