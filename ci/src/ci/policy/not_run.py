"""What follows when a check that depends on somebody else's service could not be made."""

from collections.abc import Mapping
from dataclasses import dataclass

from ci.policy.plan import Plan
from ci.policy.trigger import Trigger


@dataclass(frozen=True)
class Consequence:
    """Lines about checks that were not run."""

    failures: tuple[str, ...] = ()
    """They make the run red."""
    warnings: tuple[str, ...] = ()
    """They are shown, and nothing else."""


def holds_back(plan: Plan, trigger: Trigger) -> bool:
    """Whether a check that was not run makes the run red: where something leaves the pipeline, and in the nightly run."""
    return plan.touches_the_outside or trigger is Trigger.NIGHTLY


def consequence(not_run: Mapping[str, str], plan: Plan, trigger: Trigger) -> Consequence:
    """Say what becomes of a run some of whose checks were not run, given by name with the reason.

    It blocks what leaves the pipeline: the image of a commit too, since a version promotes it without another look.
    It blocks the nightly run, whose very purpose it is. A pull request and a branch go on with a warning: nothing of
    theirs leaves the pipeline before these checks are asked again, and nobody's work stops for another one's outage.
    """
    lines = tuple(f"{name} was not run: {reason}" for name, reason in not_run.items())
    return Consequence(failures=lines) if holds_back(plan, trigger) else Consequence(warnings=lines)
