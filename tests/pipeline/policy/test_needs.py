"""What a plan needs of its caller, and the bounds of stages."""

import pytest

from ci.policy.limits import LIMITS, Limit, limit_of
from ci.policy.needs import lacking
from ci.policy.plan import BackMerge, BackMergeKind, Environment, Image, Plan, Release
from ci.policy.tags import ImageTag

PLAN = Plan("push to main")


@pytest.mark.parametrize(
    ("plan", "registry", "github", "lines"),
    [
        pytest.param(PLAN, False, False, 0, id="what touches nothing outside needs nothing"),
        pytest.param(Plan("x", image=Image((ImageTag("1"),))), True, False, 0, id="an image with a place"),
        pytest.param(Plan("x", image=Image((ImageTag("1"),))), False, True, 1, id="an image without a place"),
        pytest.param(Plan("x", deploy=Environment.STAGING), False, True, 1, id="a deployment without a registry"),
        pytest.param(Plan("x", release=Release("1.0.0", False, True)), True, False, 1, id="a release without a token"),
        pytest.param(
            Plan("x", back_merges=(BackMerge("1.0.0", "develop", BackMergeKind.MERGE),)),
            True,
            False,
            1,
            id="a back-merge without a token",
        ),
        pytest.param(
            Plan("x", image=Image((ImageTag("1"),)), release=Release("1.0.0", False, True)),
            False,
            False,
            2,
            id="both are named",
        ),
    ],
)
def test_what_a_plan_cannot_be_carried_out_without(plan: Plan, registry: bool, github: bool, lines: int) -> None:
    """Said before anything is done."""
    assert len(lacking(plan, registry=registry, github=github)) == lines


def test_a_stage_has_its_own_bounds_or_those_of_all() -> None:
    """A new stage needs no line in the table."""
    assert limit_of("smoke") == LIMITS["smoke"]
    assert limit_of("anything") == Limit()
