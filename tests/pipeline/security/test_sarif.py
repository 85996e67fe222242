"""The SARIF report, word for word: this document was checked against the schema of SARIF 2.1.0."""

import json
from datetime import date
from hashlib import sha256

from ci.findings import as_lines
from ci.policy.exemptions import Exemption
from ci.policy.vulnerabilities import Severity, Vulnerability, judge
from ci.sarif import as_sarif, place_in_lock

TODAY = date(2026, 11, 21)
FOUND = (
    Vulnerability("GHSA-1", "starlette", "0.1", Severity.HIGH, ("0.2",), ("CVE-2026-1",), "Forms are believed"),
    Vulnerability("GHSA-2", "anyio", "1.0", Severity.CRITICAL, ("1.1",)),
)
BORNE = Exemption("GHSA-2", "anyio", ("audit",), "Not reached from outside.", date(2027, 1, 1))
LOCK = '[[package]]\nname = "anyio"\n\n[[package]]\nname = "starlette"\n'


def fingerprint(text: str) -> dict[str, str]:
    """By which a finding is known again."""
    return {"package/v1": sha256(text.encode()).hexdigest()}


def place(line: int) -> list[dict[str, object]]:
    """A line of the lock file."""
    return [{"physicalLocation": {"artifactLocation": {"uri": "uv.lock"}, "region": {"startLine": line}}}]


def test_the_whole_report() -> None:
    """What blocks is an error, what passes by an exception is a note that is suppressed with the reason."""
    judgement = judge(FOUND, [BORNE], "audit", TODAY)
    document = json.loads(as_sarif("audit", judgement, place_in_lock(LOCK, "uv.lock")))
    rules = [
        {
            "id": "GHSA-1",
            "shortDescription": {"text": "Forms are believed"},
            "helpUri": "https://osv.dev/vulnerability/GHSA-1",
            "properties": {"tags": ["security"], "security-severity": "8.0"},
        },
        {
            "id": "GHSA-2",
            "shortDescription": {"text": "GHSA-2"},
            "helpUri": "https://osv.dev/vulnerability/GHSA-2",
            "properties": {"tags": ["security"], "security-severity": "9.5"},
        },
    ]
    results = [
        {
            "ruleId": "GHSA-1",
            "ruleIndex": 0,
            "level": "error",
            "message": {"text": "starlette 0.1: GHSA-1 (high, fixed in 0.2): it can be fixed"},
            "locations": place(5),
            "partialFingerprints": fingerprint("GHSA-1 starlette"),
        },
        {
            "ruleId": "GHSA-2",
            "ruleIndex": 1,
            "level": "note",
            "message": {
                "text": "anyio 1.0: GHSA-2 (critical, fixed in 1.1): until 2027-01-01: Not reached from outside."
            },
            "locations": place(2),
            "partialFingerprints": fingerprint("GHSA-2 anyio"),
            "suppressions": [{"kind": "external", "justification": "Not reached from outside."}],
        },
    ]
    assert document == {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": {"name": "audit", "rules": rules}}, "results": results}],
    }


def test_a_report_without_findings_is_a_report() -> None:
    """It closes what the last one has opened; a package that the lock file does not name is shown at its beginning."""
    empty = json.loads(as_sarif("audit", judge([], [], "audit", TODAY), place_in_lock("", "uv.lock")))
    assert empty["runs"] == [{"tool": {"driver": {"name": "audit", "rules": []}}, "results": []}]
    assert place_in_lock(LOCK, "uv.lock")(Vulnerability("GHSA-3", "nobody", "1")).line == 1


def test_the_log_has_one_line_for_each() -> None:
    """What blocks first; exceptions without use last."""
    useless = Exemption("GHSA-9", "left", ("audit",), "Long ago.", date(2027, 1, 1))
    assert as_lines("2 locked dependencies", judge(FOUND, [BORNE, useless], "audit", TODAY)).splitlines() == [
        "2 locked dependencies, 2 known vulnerabilities, 1 of them to be fixed now",
        "FAIL  starlette 0.1: GHSA-1 (high, fixed in 0.2): it can be fixed; https://osv.dev/vulnerability/GHSA-1",
        (
            "pass  anyio 1.0: GHSA-2 (critical, fixed in 1.1): until 2027-01-01: Not reached from outside.;"
            " https://osv.dev/vulnerability/GHSA-2"
        ),
        "note  the exception for GHSA-9 in left is not needed any more: remove it",
    ]
