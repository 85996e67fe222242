"""From the answer of a check to its stage: what it found in words, as SARIF, and as an exit code."""

import dataclasses
from collections.abc import Callable

import dagger
from dagger import dag

from ci.outcome import Record
from ci.policy.vulnerabilities import Judged, Judgement, Vulnerability
from ci.sarif import Place, as_sarif
from ci.stage import REPORTS


async def with_findings(
    check: str,
    asked: dagger.Container,
    subject: str,
    judgement: Judgement,
    place_of: Callable[[Vulnerability], Place],
) -> dagger.Container:
    """Add a check's reports to the container in which it has asked; the times stay those of the asking."""
    record = Record.parse(await asked.file(f"{REPORTS}/times/{check}.json").contents())
    ended = dataclasses.replace(record, exit_code=0 if judgement.passed else 1)
    reports = (
        dag.directory()
        .with_new_file(f"logs/{check}.txt", as_lines(subject, judgement))
        .with_new_file(f"sarif/{check}.sarif", as_sarif(check, judgement, place_of))
        .with_new_file(f"times/{check}.json", ended.as_json(check))
    )
    return asked.with_directory(REPORTS, reports)


def as_lines(subject: str, judgement: Judgement) -> str:
    """Write one line for each vulnerability, what blocks first, then one for each exception that has no use.

    >>> print(as_lines("27 locked dependencies", Judgement()), end="")
    27 locked dependencies, 0 known vulnerabilities, 0 of them to be fixed now
    """
    blocking = sum(one.blocks for one in judgement.judged)
    counted = f"{subject}, {len(judgement.judged)} known vulnerabilities, {blocking} of them to be fixed now"
    notes = [f"note  {note}" for note in judgement.notes]
    return "\n".join([counted, *map(_line, judgement.judged), *notes]) + "\n"


def _line(one: Judged) -> str:
    return f"{'FAIL' if one.blocks else 'pass'}  {one.vulnerability}: {one.why}; {one.vulnerability.url}"
