"""Which known vulnerabilities stop a run, by severity, fix and exception."""

from datetime import date

import pytest

from ci.policy.exemptions import Exemption
from ci.policy.vulnerabilities import Judged, Judgement, Severity, Vulnerability, judge, parse_severity

TODAY = date(2026, 11, 21)
HIGH = Vulnerability("GHSA-1", "starlette", "0.1", Severity.HIGH, ("0.2",), ("CVE-2026-1",))


def exemption(
    name: str = "CVE-2026-1",
    package: str = "starlette",
    checks: tuple[str, ...] = ("audit",),
    until: date = TODAY,
) -> Exemption:
    """An exception for HIGH that ends today."""
    return Exemption(name, package, checks, "no form is parsed", until)


@pytest.mark.parametrize(
    ("severity", "fixed_in", "blocks", "why"),
    [
        pytest.param(Severity.CRITICAL, ("2",), True, "it can be fixed", id="critical with a fix stops the run"),
        pytest.param(Severity.HIGH, ("2",), True, "it can be fixed", id="high with a fix stops the run"),
        pytest.param(Severity.UNKNOWN, ("2",), True, "it can be fixed", id="an unknown severity counts as high"),
        pytest.param(Severity.MEDIUM, ("2",), False, "it is neither high nor critical", id="medium passes"),
        pytest.param(Severity.LOW, ("2",), False, "it is neither high nor critical", id="low passes"),
        pytest.param(Severity.CRITICAL, (), False, "there is no fix yet", id="what nobody can fix passes"),
    ],
)
def test_what_can_be_fixed_and_is_severe_stops_the_run(
    severity: Severity, fixed_in: tuple[str, ...], blocks: bool, why: str
) -> None:
    """Both have to hold."""
    vulnerability = Vulnerability("GHSA-1", "starlette", "1", severity, fixed_in)
    assert judge([vulnerability], [], "audit", TODAY) == Judgement((Judged(vulnerability, blocks, why),))


@pytest.mark.parametrize(
    ("exception", "blocks", "notes"),
    [
        pytest.param(exemption(), False, (), id="an exception counts on its last day"),
        pytest.param(exemption(name="GHSA-1"), False, (), id="any of the names means the vulnerability"),
        pytest.param(
            exemption(until=date(2026, 11, 20)),
            True,
            ("the exception for CVE-2026-1 in starlette ended on 2026-11-20",),
            id="an exception that has ended does not count, and is named",
        ),
        pytest.param(
            exemption(package="fastapi"),
            True,
            ("the exception for CVE-2026-1 in fastapi is not needed any more: remove it",),
            id="an exception is for one package",
        ),
        pytest.param(exemption(checks=("scan",)), True, (), id="an exception for another check is none of this one's"),
    ],
)
def test_an_exception_lets_one_vulnerability_pass_until_its_end(
    exception: Exemption, blocks: bool, notes: tuple[str, ...]
) -> None:
    """Whatever it says, the vulnerability stays in the report."""
    judgement = judge([HIGH], [exception], "audit", TODAY)
    assert [(one.vulnerability, one.blocks) for one in judgement.judged] == [(HIGH, blocks)]
    assert judgement.notes == notes
    assert judgement.passed is not blocks


def test_what_passes_by_an_exception_says_why_and_until_when() -> None:
    """The report names the reason that somebody gave."""
    (judged,) = judge([HIGH], [exemption()], "audit", TODAY).judged
    assert judged == Judged(HIGH, False, "until 2026-11-21: no form is parsed", exemption())


def test_nothing_found_passes_and_an_exception_for_it_is_reported() -> None:
    """An exception that outlives its vulnerability would let the next one of that name pass."""
    judgement = judge([], [exemption()], "audit", TODAY)
    assert judgement == Judgement(
        notes=("the exception for CVE-2026-1 in starlette is not needed any more: remove it",)
    )
    assert judgement.passed


def test_what_blocks_comes_first_and_each_vulnerability_once() -> None:
    """The order does not depend on that of the answer."""
    mild = Vulnerability("GHSA-0", "anyio", "1", Severity.LOW, ("2",))
    judgement = judge([mild, HIGH, mild], [], "audit", TODAY)
    assert [one.vulnerability for one in judgement.judged] == [HIGH, mild]
    assert judgement == judge([HIGH, mild], [], "audit", TODAY)


@pytest.mark.parametrize(
    ("word", "severity"),
    [
        ("HIGH", Severity.HIGH),
        ("Critical", Severity.CRITICAL),
        pytest.param("MODERATE", Severity.MEDIUM, id="GitHub's word"),
        pytest.param("MEDIUM", Severity.MEDIUM, id="the scanner's word"),
        pytest.param("negligible", Severity.LOW, id="Debian's word"),
        pytest.param("", Severity.UNKNOWN, id="no word"),
        pytest.param("7.5", Severity.UNKNOWN, id="a word that nobody knows"),
    ],
)
def test_severities_are_read_from_the_words_of_their_sources(word: str, severity: Severity) -> None:
    """What is not understood is unknown, and so counts as high."""
    assert parse_severity(word) is severity


def test_a_vulnerability_reads_as_one_line() -> None:
    """It names the package, the advisory, how bad it is and what mends it."""
    assert str(HIGH) == "starlette 0.1: GHSA-1 (high, fixed in 0.2)"
    assert HIGH.url == "https://osv.dev/vulnerability/GHSA-1"
