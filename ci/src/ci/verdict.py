"""The directory that a run leaves: what people, GitHub and programs read, and the exit code that the job ends with."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import dagger

from ci.annotations import annotations
from ci.outcome import Outcome, Status
from ci.page import page
from ci.policy.plan import Plan
from ci.policy.render import as_json as plan_as_json
from ci.policy.render import as_table
from ci.report import reports_of_stages
from ci.stage import Result
from ci.summary import as_fields, as_markdown, fenced, verdict_of

LONGEST_SUMMARY: Final = 1_000_000
"""Bytes: GitHub drops a step summary above 1 MiB as a whole."""

_CUT: Final = "\n\n*Shortened: the rest is in the reports.*\n"


@dataclass(frozen=True)
class Verdict:
    """What a run came to."""

    plan: Plan
    outcomes: tuple[Outcome, ...]
    """Of its stages, then of what it did outside."""
    failures: tuple[str, ...] = ()
    """Lines that make it red whatever the outcomes say."""
    warnings: tuple[str, ...] = ()

    @property
    def status(self) -> Status:
        """The one word."""
        return Status.FAILED if self.failures else verdict_of(self.outcomes)

    @property
    def exit_code(self) -> int:
        """What the job ends with."""
        return 0 if self.status is Status.PASSED else 1


async def written(verdict: Verdict, results: Sequence[Result]) -> dagger.Directory:
    """Write the reports: those that the stages left, and what is made of all of them."""
    reports = reports_of_stages(results)
    files = [*await reports.glob("**/*"), "summary.json", "summary.md", "plan.txt"]
    return (
        reports.with_new_file("plan.txt", as_table(verdict.plan))
        .with_new_file("plan.json", plan_as_json(verdict.plan))
        .with_new_file("summary.json", as_json(verdict))
        .with_new_file("summary.md", bounded(markdown(verdict)))
        .with_new_file("annotations.txt", annotations(verdict.outcomes, verdict.failures, verdict.warnings))
        .with_new_file("index.html", page(verdict.plan.occasion, verdict.outcomes, files, verdict.failures))
        .with_new_file("exit-code", f"{verdict.exit_code}\n")
    )


def as_json(verdict: Verdict) -> str:
    """Write the verdict for a program: `verdict` is one of the statuses of a stage."""
    document = {
        "occasion": verdict.plan.occasion,
        "verdict": verdict.status,
        "failures": verdict.failures,
        "warnings": verdict.warnings,
        "stages": [as_fields(outcome) for outcome in verdict.outcomes],
        "plan": json.loads(plan_as_json(verdict.plan)),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def markdown(verdict: Verdict) -> str:
    """Write the verdict for the job's page: what fails and what to look at first, the plan last."""
    lines = [f"- ❌ {line}" for line in verdict.failures] + [f"- ⚠️ {line}" for line in verdict.warnings]
    done = [f"- {one.stage}: {one.reason}" for one in verdict.outcomes if one.passed and one.reason]
    done += [f"- {one.stage} was left out: {one.reason}" for one in verdict.outcomes if one.status is Status.LEFT_OUT]
    plan = f"<details><summary>The plan</summary>\n\n{fenced(as_table(verdict.plan))}</details>\n"
    parts = [
        as_markdown(verdict.plan.occasion, verdict.outcomes, verdict.failures),
        "\n".join(lines),
        "\n".join(done),
        plan,
    ]
    return "\n".join(f"{part.rstrip()}\n" for part in parts if part)


def bounded(text: str, limit: int = LONGEST_SUMMARY) -> str:
    """Shorten a text at the end of a line to what GitHub shows, and say so.

    >>> bounded("a\\n" * 50, limit=60).splitlines()[-1]
    '*Shortened: the rest is in the reports.*'
    """
    encoded = text.encode()
    if len(encoded) <= limit:
        return text
    kept = encoded[: limit - len(_CUT.encode()) - len("\n```")].decode(errors="ignore")
    kept = kept[: kept.rfind("\n")] if "\n" in kept else kept
    # An open block of code would swallow what says that it was shortened.
    return kept + ("\n```" if kept.count("\n```") % 2 else "") + _CUT
