"""A suite's outcome in words, for a terminal, for a machine, and as Markdown."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from ci.outcome import Outcome, Status
from ci.policy.suites import Suite

_MARKS = {
    Status.PASSED: "✅",
    Status.FAILED: "❌",
    Status.ERROR: "⚠️",
    Status.NOT_RUN: "❔",
    Status.SKIPPED: "⏭️",
    Status.LEFT_OUT: "⏹️",
}


def verdict_of(outcomes: Sequence[Outcome]) -> Status:
    """Judge a suite: a red stage weighs more than one that could not run; one that was not run weighs nothing here."""
    statuses = {outcome.status for outcome in outcomes}
    return next((status for status in (Status.FAILED, Status.ERROR) if status in statuses), Status.PASSED)


def reports_of(suite: Suite) -> str:
    """Name the command that writes the reports of the same run.

    >>> reports_of(Suite.FULL)
    'ci report --suite=full export --path=reports'
    """
    return f"ci report --suite={suite} export --path=reports"


def headline(title: str, outcomes: Sequence[Outcome], failures: Sequence[str] = ()) -> str:
    """Say in one line how a suite, or a run of another title, went; `failures` are no stage's."""
    red = [f"{outcome.stage} {outcome.status}" for outcome in outcomes if not outcome.passed]
    passed = f"{len(outcomes) - len(red)} of {len(outcomes)}" if red else f"all {len(outcomes)}"
    went = f"{passed} stages passed" if outcomes else "nothing was run"
    return "; ".join([f"{title}: {went}", *([", ".join(red)] if red else []), *failures[:1]])


def seconds_of(outcome: Outcome) -> str:
    """Render how long a stage's commands took, whenever they ran; a dash when they never did."""
    return "-" if outcome.record is None else f"{outcome.record.seconds:.1f}"


def as_text(suite: Suite, outcomes: Sequence[Outcome]) -> str:
    """Render for a terminal: verdict, table, then each red stage with its excerpt and the command that reruns it."""
    width = max(len("stage"), *(len(outcome.stage) for outcome in outcomes))
    status = max(len("status"), *(len(outcome.status) for outcome in outcomes))
    table = [f"  {'stage':<{width}}  {'status':<{status}}  seconds"]
    table += [f"  {one.stage:<{width}}  {one.status:<{status}}  {seconds_of(one):>7}" for one in outcomes]
    red = [outcome.describe() for outcome in outcomes if not outcome.passed]
    return "\n\n".join([headline(suite, outcomes), "\n".join(table), *red, f"reports: {reports_of(suite)}"])


def as_json(suite: Suite, outcomes: Sequence[Outcome]) -> str:
    """Render for a machine; times are UTC, absent where a stage's commands never ran."""
    document = {"suite": suite, "verdict": verdict_of(outcomes), "stages": [as_fields(outcome) for outcome in outcomes]}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def as_fields(outcome: Outcome) -> dict[str, object]:
    """Give what a machine is told of one stage."""
    record = outcome.record
    return {
        "stage": outcome.stage,
        "status": outcome.status,
        "started": record and _timestamp(record.started),
        "seconds": record and round(record.seconds, 3),
        "exit_code": record and record.exit_code,
        "reason": outcome.reason,
    }


def as_markdown(title: str, outcomes: Sequence[Outcome], failures: Sequence[str] = ()) -> str:
    """Render for a pull request or a job's summary page."""
    rows = [f"| {_MARKS[one.status]} | {one.stage} | {one.status} | {seconds_of(one)} |" for one in outcomes]
    details = [
        f"### {outcome.stage}: {_escaped(outcome.reason)}\n\n{fenced(outcome.excerpt)}`{rerun_of(outcome)}`"
        for outcome in outcomes
        if outcome.wants_a_look
    ]
    table = ["| | stage | status | seconds |", "|---|---|---|--:|", *rows] if rows else []
    parts = [f"## {headline(title, outcomes, failures)}", "\n".join(table), *details]
    return "\n\n".join(part for part in parts if part) + "\n"


def rerun_of(outcome: Outcome) -> str:
    """Name the command that runs a stage again, or what else helps."""
    return outcome.remedy or f"ci {outcome.stage}"


def fenced(text: str) -> str:
    """Put text into a code block whose fence is longer than any in it."""
    if not text:
        return ""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}text\n{text}\n{fence}\n\n"


def _escaped(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _timestamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
