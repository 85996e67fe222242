"""The audit on an engine: real pip-audit and the real lock file, asked of an OSV service with made-up advisories."""

import json
import tomllib
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path

import dagger
import pytest

from ci import sources
from ci.audit import Advisories, audit
from ci.outcome import Status
from ci.stage import Result, carry_out
from osv_service import advisory

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOCKED = {
    package["name"]: package["version"]
    for package in tomllib.loads((Path(__file__).parents[3] / "uv.lock").read_text())["package"]
}
TODAY = date(2026, 11, 21)

# Every test that asks a service for the first time costs seconds, so the tests share what the services know.
NOTHING_OF_WHAT_IS_SHIPPED = (advisory("GHSA-tool", "pytest", LOCKED["pytest"], severity="CRITICAL"),)
SOMETHING = (
    advisory("PYSEC-2026-1", "starlette", LOCKED["starlette"], aliases=("CVE-2026-1", "GHSA-high")),
    # Under a name of its own, as databases have it, with the severity that the first one lacks.
    advisory("GHSA-high", "starlette", "0", severity="HIGH"),
    advisory("GHSA-mild", "fastapi", LOCKED["fastapi"], severity="MODERATE"),
    advisory("GHSA-unfixed", "redis", LOCKED["redis"], severity="CRITICAL", fixed=""),
)


async def audited(source: dagger.Directory, advisories: Advisories) -> Result:
    """Carry the stage out as a suite does."""
    return await carry_out("audit", partial(audit, source, "", advisories, lambda: TODAY))


def with_exception(source: dagger.Directory, until: str) -> dagger.Directory:
    """The repository with an exception for the made-up advisory."""
    entry = (
        '[[exception]]\nid = "CVE-2026-1"\npackage = "starlette"\nchecks = ["audit"]\n'
        f'reason = "No form is parsed."\nuntil = {until}\n'
    )
    return source.with_new_file(sources.EXCEPTIONS, entry)


async def test_without_advisories_every_shipped_dependency_was_asked_about(
    source: dagger.Directory, advisories: Callable[..., Advisories]
) -> None:
    """The tools of development are not shipped, so an advisory about one of them changes nothing."""
    result = await audited(source, advisories(*NOTHING_OF_WHAT_IS_SHIPPED))
    assert result.outcome.status is Status.PASSED
    assert result.container is not None
    log = await result.container.file("/reports/logs/audit.txt").contents()
    assert log.endswith(" locked dependencies, 0 known vulnerabilities, 0 of them to be fixed now\n")
    assert int(log.split()[0]) > 20


async def test_severe_and_fixable_is_red_whatever_the_exact_word_and_sarif_says_where(
    source: dagger.Directory, advisories: Callable[..., Advisories]
) -> None:
    """The severity comes from an alias where the advisory has none; what is mild or has no fix is told and passes."""
    result = await audited(source, advisories(*SOMETHING))
    assert result.outcome.status is Status.FAILED
    assert result.container is not None
    for line in (
        "3 known vulnerabilities, 1 of them to be fixed now",
        f"FAIL  starlette {LOCKED['starlette']}: PYSEC-2026-1 (high, fixed in 99.0): it can be fixed",
        "(medium, fixed in 99.0): it is neither high nor critical",
        "(critical, no fix yet): there is no fix yet",
    ):
        assert line in result.outcome.excerpt
    run = json.loads(await result.container.file("/reports/sarif/audit.sarif").contents())["runs"][0]
    assert [(one["ruleId"], one["level"]) for one in run["results"]] == [
        ("PYSEC-2026-1", "error"),
        ("GHSA-mild", "note"),
        ("GHSA-unfixed", "note"),
    ]
    place = run["results"][0]["locations"][0]["physicalLocation"]
    lock = (Path(__file__).parents[3] / place["artifactLocation"]["uri"]).read_text().splitlines()
    assert lock[place["region"]["startLine"] - 1] == 'name = "starlette"'


@pytest.mark.parametrize(
    ("until", "status"),
    [pytest.param("2026-11-21", Status.PASSED, id="on its last day"), ("2026-11-20", Status.FAILED)],
)
async def test_an_exception_counts_until_its_end(
    source: dagger.Directory, advisories: Callable[..., Advisories], until: str, status: Status
) -> None:
    """It is written with any of the vulnerability's names; when it has ended the log says so."""
    result = await audited(with_exception(source, until), advisories(*SOMETHING))
    assert result.outcome.status is status
    assert result.container is not None
    log = await result.container.file("/reports/logs/audit.txt").contents()
    ended = "note  the exception for CVE-2026-1 in starlette ended on 2026-11-20"
    assert (ended in log) is (status is Status.FAILED)


async def test_half_an_answer_is_none(source: dagger.Directory, advisories: Callable[..., Advisories]) -> None:
    """The service fails for one dependency of many: nothing is known, and the reason is one line."""
    result = await audited(source, advisories({"broken": "uvicorn"}))
    assert result.outcome.status is Status.NOT_RUN
    assert result.outcome.reason.startswith("http://osv:8080 could not be asked for advisories: ")
    assert "\n" not in result.outcome.reason


async def test_a_service_out_of_reach_is_not_run_and_asked_again_the_next_time(
    source: dagger.Directory, advisories: Callable[..., Advisories]
) -> None:
    """A failure to ask is never kept as an answer."""
    nobody = Advisories("http://127.0.0.1:9")
    assert (await audited(source, nobody)).outcome.status is Status.NOT_RUN
    result = await audited(source, nobody)
    assert result.outcome.status is Status.NOT_RUN
    said = "http://127.0.0.1:9 could not be asked for advisories: [Errno 111] Connection refused"
    assert result.outcome.reason == said


async def test_a_malformed_exception_is_one_line(
    source: dagger.Directory, advisories: Callable[..., Advisories]
) -> None:
    """It is an error of the stage, since nobody can say what it was meant for."""
    malformed = source.with_new_file(sources.EXCEPTIONS, '[[exception]]\nid = "CVE-1"\n')
    result = await audited(malformed, advisories(*NOTHING_OF_WHAT_IS_SHIPPED))
    assert result.outcome.status is Status.ERROR
    assert "expected [[exception]] with checks, id, package, reason, until" in result.outcome.reason
