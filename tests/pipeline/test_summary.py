"""A suite's outcome in words."""

import json

import pytest

from ci.outcome import Outcome, Record, Status
from ci.policy.suites import Suite
from ci.summary import as_json, as_markdown, as_text, headline, verdict_of

LINT = Outcome("lint", Status.PASSED, Record(100.0, 101.25, 0))
UNIT = Outcome("unit", Status.FAILED, Record(100.0, 104.0, 1), "exit code 1", "E  assert 1 == 2")
SMOKE = Outcome("smoke", Status.ERROR, reason="no image redis:8")


def test_a_green_suite_says_so_with_its_times() -> None:
    """A person sees each stage and where the reports are."""
    assert as_text(Suite.QUICK, [LINT]) == (
        "quick: all 1 stages passed\n\n"
        "  stage  status  seconds\n"
        "  lint   passed      1.2\n\n"
        "reports: ci report --suite=quick export --path=reports"
    )


def test_a_red_suite_names_the_stage_shows_why_and_how_to_run_it_again() -> None:
    """Everything that is needed to mend it is in the message."""
    assert as_text(Suite.FULL, [LINT, UNIT, SMOKE]) == (
        "full: 1 of 3 stages passed; unit failed, smoke error\n\n"
        "  stage  status  seconds\n"
        "  lint   passed      1.2\n"
        "  unit   failed      4.0\n"
        "  smoke  error         -\n\n"
        "unit failed: exit code 1\n"
        "E  assert 1 == 2\n"
        "rerun: ci unit (or: dagger call unit)\n\n"
        "smoke could not run: no image redis:8\n"
        "rerun: ci smoke (or: dagger call smoke)\n\n"
        "reports: ci report --suite=full export --path=reports"
    )


@pytest.mark.parametrize(
    ("outcomes", "verdict"),
    [
        pytest.param([], Status.PASSED, id="nothing red"),
        pytest.param([LINT], Status.PASSED, id="green"),
        pytest.param([LINT, SMOKE], Status.ERROR, id="what could not run is not green"),
        pytest.param([SMOKE, UNIT, LINT], Status.FAILED, id="red weighs more than what could not run"),
    ],
)
def test_the_verdict_is_that_of_the_worst_stage(outcomes: list[Outcome], verdict: Status) -> None:
    """A suite is green only when every stage is."""
    assert verdict_of(outcomes) is verdict


def test_a_machine_reads_the_whole_outcome() -> None:
    """Times are UTC; a stage whose commands never ran has none."""
    assert json.loads(as_json(Suite.FULL, [UNIT, SMOKE])) == {
        "suite": "full",
        "verdict": "failed",
        "stages": [
            {
                "stage": "unit",
                "status": "failed",
                "started": "1970-01-01T00:01:40.000+00:00",
                "seconds": 4.0,
                "exit_code": 1,
                "reason": "exit code 1",
            },
            {
                "stage": "smoke",
                "status": "error",
                "started": None,
                "seconds": None,
                "exit_code": None,
                "reason": "no image redis:8",
            },
        ],
    }


def test_markdown_has_a_row_per_stage_and_the_excerpt_of_a_red_one() -> None:
    """A pull request shows the same as the terminal."""
    text = as_markdown(Suite.FULL, [LINT, UNIT])
    assert text.startswith(f"## {headline(Suite.FULL, [LINT, UNIT])}\n\n")
    assert "| ✅ | lint | passed | 1.2 |\n| ❌ | unit | failed | 4.0 |" in text
    assert "### unit: exit code 1\n\n```text\nE  assert 1 == 2\n```\n\n`ci unit`" in text


def test_markdown_survives_what_a_tool_prints() -> None:
    """A fence in the output does not end the block, a reason of several lines stays one heading."""
    red = Outcome("unit", Status.FAILED, None, "first\nsecond | <b>", "a\n```\nb")
    text = as_markdown(Suite.QUICK, [red])
    assert "### unit: first second \\| &lt;b>" in text
    assert "````text\na\n```\nb\n````" in text


def test_a_check_that_was_not_run_is_named_with_the_reason_and_is_not_red() -> None:
    """Nobody takes it for passed, and the suite's verdict does not depend on somebody else's service."""
    outcomes = [LINT, Outcome("audit", Status.NOT_RUN, reason="the advisories did not answer")]
    text = as_text(Suite.FULL, outcomes)
    assert text.startswith("full: 1 of 2 stages passed; audit not run\n")
    assert "audit was not run: the advisories did not answer\nrerun: ci audit" in text
    assert not any(outcome.is_red for outcome in outcomes)
    assert verdict_of(outcomes) is Status.PASSED
