"""What a run comes to, and what is left of a summary that is too long."""

import json

import pytest

from ci.outcome import Outcome, Status
from ci.policy.plan import Plan
from ci.verdict import LONGEST_SUMMARY, Verdict, as_json, bounded, markdown

PLAN = Plan("push to main")


@pytest.mark.parametrize(
    ("statuses", "failures", "expected"),
    [
        pytest.param([], (), (Status.PASSED, 0), id="nothing to run"),
        pytest.param([Status.PASSED, Status.PASSED], (), (Status.PASSED, 0), id="all green"),
        pytest.param([Status.PASSED, Status.NOT_RUN], (), (Status.PASSED, 0), id="a silent service decides nothing"),
        pytest.param([Status.ERROR, Status.FAILED], (), (Status.FAILED, 1), id="red weighs most"),
        pytest.param([Status.PASSED, Status.ERROR], (), (Status.ERROR, 1), id="what could not run is not green"),
        pytest.param([Status.PASSED], ("wrong base",), (Status.FAILED, 1), id="a failure of the plan"),
        pytest.param([Status.FAILED, Status.SKIPPED], (), (Status.FAILED, 1), id="skipped adds nothing"),
        pytest.param([Status.PASSED, Status.LEFT_OUT], (), (Status.PASSED, 0), id="what was left out is not missed"),
    ],
)
def test_the_verdict(statuses: list[Status], failures: tuple[str, ...], expected: tuple[Status, int]) -> None:
    """One word, and what the job ends with."""
    outcomes = tuple(Outcome(f"stage-{number}", status) for number, status in enumerate(statuses))
    verdict = Verdict(PLAN, outcomes, failures)
    assert (verdict.status, verdict.exit_code) == expected
    assert json.loads(as_json(verdict))["verdict"] == expected[0]


def test_the_summary_says_what_was_done_outside() -> None:
    """Above all what is published: people look for it."""
    done = Outcome("publish", Status.PASSED, reason="1.4.2, latest: sha256:abc")
    text = markdown(Verdict(PLAN, (done,), ("a failure",), ("a warning",)))
    assert "- publish: 1.4.2, latest: sha256:abc\n" in text
    assert "- ❌ a failure\n- ⚠️ a warning\n" in text
    assert "<details><summary>The plan</summary>" in text


def test_what_was_left_out_is_told_with_its_reason() -> None:
    """And with nothing to run again: there is nothing to do about it."""
    text = markdown(Verdict(PLAN, (Outcome("deploy", Status.LEFT_OUT, reason="staging runs a newer commit"),)))
    assert "- deploy was left out: staging runs a newer commit\n" in text
    assert "ci deploy" not in text


def test_a_step_that_was_skipped_has_no_section_of_its_own() -> None:
    """What made it wait has one."""
    red = Outcome("unit", Status.FAILED, reason="exit code 1")
    text = markdown(Verdict(PLAN, (red, Outcome("publish", Status.SKIPPED, reason="unit red"))))
    assert [line for line in text.splitlines() if line.startswith("### ")] == ["### unit: exit code 1"]


def test_a_summary_that_github_would_drop_is_shortened() -> None:
    """At the end of a line, in bytes, with its block of code closed."""
    text = "## title\n\n```text\n" + "ä" * 100 + "\n"
    long = text + ("é" * 99 + "\n") * 20_000 + "```\n"
    short = bounded(long)
    assert len(short.encode()) <= LONGEST_SUMMARY
    assert short.endswith("é\n```\n\n*Shortened: the rest is in the reports.*\n")
    assert bounded(text) == text


@pytest.mark.parametrize("tail", range(12))
def test_no_cut_leaves_half_a_character(tail: int) -> None:
    """Wherever it falls."""
    assert "\ufffd" not in bounded("a" * tail + "漢" * 1_000, limit=200)
