"""How times, counts and outcomes are written."""

from __future__ import annotations

from collections.abc import Sequence

from embedded_engine.events import StageFinished


def seconds(value: float) -> str:
    """A duration as a person reads it.

    >>> seconds(0.034), seconds(2.345), seconds(83.2), seconds(3725)
    ('0.03 s', '2.3 s', '1 min 23 s', '1 h 2 min')
    """
    if value < 1:
        return f"{value:.2f} s"
    if value < 60:
        return f"{value:.1f} s"
    if value < 3600:
        return f"{int(value) // 60} min {int(value) % 60} s"
    return f"{int(value) // 3600} h {int(value) % 3600 // 60} min"


def counted(ran: int, cached: int) -> str:
    """How many steps ran and how many did not need to; empty for none.

    >>> counted(0, 0), counted(0, 3), counted(2, 3), counted(1, 0)
    ('', ' (cached)', ' (2 steps ran, 3 cached)', ' (1 step ran)')
    """
    if not ran:
        return " (cached)" if cached else ""
    shown = f"{ran} step{'s' if ran > 1 else ''} ran"
    return f" ({shown}, {cached} cached)" if cached else f" ({shown})"


def outcome(stage: StageFinished) -> str:
    """`passed`, or `failed` or `not run` and why."""
    if stage.error is not None:
        return f"failed: {stage.error};"
    return "passed" if stage.left_out is None else f"not run: {stage.left_out};"


def mark(stage: StageFinished) -> str:
    """The sign before its name: passed, failed, or left out."""
    return "✘" if stage.error is not None else "∅" if stage.left_out is not None else "✔"


def summary(stages: Sequence[StageFinished], total: float, ran: int, cached: int) -> list[str]:
    """The end of a run: a line per stage in the order in which they ended, and one for all."""
    if not stages:
        return []
    width = max(len(stage.stage) for stage in stages)
    lines = [
        f"  {mark(stage)} {stage.stage:<{width}}  {seconds(stage.seconds):>10}{counted(stage.ran, stage.cached)}"
        for stage in stages
    ]
    return [*lines, f"{_verdict(stages)} in {seconds(total)}{counted(ran, cached)}"]


def _verdict(stages: Sequence[StageFinished]) -> str:
    failed = sum(stage.error is not None for stage in stages)
    left_out = sum(stage.error is None and stage.left_out is not None for stage in stages)
    beside = f", {left_out} not run" if left_out else ""
    if failed:
        return f"{failed} of {len(stages)} stages failed{beside}"
    return (
        f"{len(stages) - left_out} of {len(stages)} stages passed{beside}"
        if left_out
        else f"{len(stages)} stages passed"
    )
