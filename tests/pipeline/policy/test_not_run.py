"""What becomes of a run when a check that depends on others could not be made."""

import pytest

from ci.policy.not_run import Consequence, consequence
from ci.policy.plan import Image, Plan, Release
from ci.policy.suites import Suite
from ci.policy.tags import ImageTag
from ci.policy.trigger import Trigger

NOT_RUN = {"audit": "the advisories did not answer"}
LINES = ("audit was not run: the advisories did not answer",)
TESTED = Plan("a change", suites=(Suite.FULL,))
PUBLISHED = Plan("a commit on main", suites=(Suite.FULL,), image=Image((ImageTag("sha-0000000", moves=False),)))


@pytest.mark.parametrize(
    ("plan", "trigger", "expected"),
    [
        pytest.param(
            TESTED, Trigger.PULL_REQUEST, Consequence(warnings=LINES), id="a pull request goes on with a warning"
        ),
        pytest.param(TESTED, Trigger.MERGE_QUEUE, Consequence(warnings=LINES), id="the merge queue goes on"),
        pytest.param(TESTED, Trigger.BRANCH, Consequence(warnings=LINES), id="a branch that publishes nothing goes on"),
        pytest.param(TESTED, Trigger.MANUAL, Consequence(warnings=LINES), id="a manual run goes on"),
        pytest.param(
            PUBLISHED,
            Trigger.BRANCH,
            Consequence(failures=LINES),
            id="an image that a version may promote is held back",
        ),
        pytest.param(
            Plan("v1.4.2", release=Release("1.4.2", prerelease=False, make_latest=True)),
            Trigger.TAG,
            Consequence(failures=LINES),
            id="a release is held back",
        ),
        pytest.param(
            TESTED, Trigger.NIGHTLY, Consequence(failures=LINES), id="a nightly run that asked nobody has done nothing"
        ),
    ],
)
def test_it_blocks_what_leaves_the_pipeline_and_nothing_else(
    plan: Plan, trigger: Trigger, expected: Consequence
) -> None:
    """Nobody's work stops for another one's outage; nothing is shipped unseen."""
    assert consequence(NOT_RUN, plan, trigger) == expected


def test_without_such_a_check_there_is_nothing_to_say() -> None:
    """Every check was run."""
    assert consequence({}, PUBLISHED, Trigger.BRANCH) == Consequence()
