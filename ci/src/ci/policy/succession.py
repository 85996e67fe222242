"""Whether a deployment may take the place of what runs: an older commit never replaces a newer one that contains it."""

from dataclasses import dataclass
from typing import Final

from ci.policy.tags import SHORT_COMMIT

BY_HAND: Final = "ci deploy --digest=... deploys whatever it is told to"


@dataclass(frozen=True)
class Difference:
    """How two commits differ, in commits that only one of them contains."""

    ours: int
    """Of the commit that would be deployed."""
    theirs: int
    """Of the commit that runs."""


@dataclass(frozen=True)
class Objection:
    """Why a deployment does not take place."""

    why: str
    is_failure: bool
    """Whether the run has to turn red: nobody knows that it would be wrong, nor that it would be right."""


def objection(commit: str, running: str | None, difference: Difference | None) -> Objection | None:
    """Say why a commit is not to replace the one that runs; None when it may.

    `running` is None where nothing runs, or what runs names no commit; `difference` is None where nobody who was asked
    has the commit that runs: it was pushed after this history was fetched, or taken out of it.

    Commits neither of which contains the other may follow each other: a branch was rewritten, or a line of its own was
    deployed by hand.

    >>> objection("a" * 40, "b" * 40, Difference(ours=0, theirs=2)).why
    'bbbbbbb runs there, which contains aaaaaaa and 2 commits more'
    """
    if running is None or running == commit:
        return None
    ours, theirs = commit[:SHORT_COMMIT], running[:SHORT_COMMIT]
    if difference is None:
        why = f"{theirs} runs there, which is not in this history: fetch, and run the job again ({BY_HAND})"
        return Objection(why, is_failure=True)
    if difference.ours == 0 and difference.theirs > 0:
        more = f"{difference.theirs} commit{'s' if difference.theirs > 1 else ''} more"
        return Objection(f"{theirs} runs there, which contains {ours} and {more}", is_failure=False)
    return None
