"""What a nightly run looks at again."""

from typing import Any

import pytest

from ci.policy.decide import decide
from ci.policy.facts import Facts, parse_facts
from ci.policy.plan import Environment, Part, Plan, Rescan
from ci.policy.publication import tags_to_look_up
from ci.policy.rescans import SILENT, SUPPORTED_LINES

COMMIT = "abc1234" + "0" * 33
A, B, C = (f"sha256:{letter * 64}" for letter in "abc")
STAGING = Environment.STAGING


def facts(**said: Any) -> Facts:
    """The facts of a nightly run."""
    return parse_facts(**{"event": "schedule", "ref": "refs/heads/main", "commit": COMMIT, "published": {}, **said})


def planned(**said: Any) -> Plan:
    """The plan of a nightly run."""
    return decide(facts(**said))


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        pytest.param([], ("latest",), id="latest, whatever it is"),
        pytest.param(["v1.4.1", "v1.4.2", "v1.4.0"], ("1.4.2", "latest"), id="the newest of a line"),
        pytest.param(["v0.9.0", "v0.10.0"], ("0.10.0", "0.9.0", "latest"), id="by number, not by letter"),
        pytest.param(
            ["v1.3.9", "v2.0.0", "v1.4.2", "v1.2.0"], ("2.0.0", "1.4.2", "1.3.9", "latest"), id="only the newest lines"
        ),
        pytest.param(["v1.0.0-rc.1", "v1", "x", "v1.2"], ("latest",), id="neither candidates nor what is no version"),
    ],
)
def test_supported_versions_are_looked_at_again(tags: list[str], expected: tuple[str, ...]) -> None:
    """And no other of all that was ever published: the night is short."""
    assert tags_to_look_up(facts(tags=tags)) == expected
    assert len(expected) <= SUPPORTED_LINES + 1


def test_each_image_is_looked_at_once() -> None:
    """Whatever it is called; what is gone from the registry, or never got there, is not looked at."""
    plan = planned(
        tags=["v2.0.0", "v1.4.2", "v1.3.9"],
        published={"2.0.0": A, "latest": A, "1.4.2": B},
        deployed={"staging": C},
    )
    assert plan.rescans == (Rescan(A, ("2.0.0", "latest")), Rescan(B, ("1.4.2",)), Rescan(C, (), (STAGING,)))
    assert [rescan.stage for rescan in plan.rescans] == ["scan-2.0.0", "scan-1.4.2", "scan-staging"]
    assert planned(tags=["v2.0.0"], published={"2.0.0": A}, deployed={"staging": A}).rescans == (
        Rescan(A, ("2.0.0",), (STAGING,)),
    )


def test_a_registry_that_does_not_answer_fails_the_nightly_run() -> None:
    """Its purpose is to look; everything else is tested all the same."""
    plan = planned(published=None)
    assert (plan.rescans, plan.failures, plan.stages) == ((), (SILENT,), ("scan",))


def test_where_nothing_is_published_there_is_nothing_to_look_at() -> None:
    """It says so, and whether anybody knows what is deployed."""
    assert planned(deployed={}).why(Part.RESCANS) == "nothing is published"
    assert planned().why(Part.RESCANS) == "nothing is published; what is deployed is not known here"
    assert planned().failures == ()


@pytest.mark.parametrize("event", ["push", "workflow_dispatch"])
def test_no_other_run_looks_at_what_is_published(event: str) -> None:
    """It would say nothing of the change."""
    assert planned(event=event, published={"latest": A}, by_pull_request=True).rescans == ()
