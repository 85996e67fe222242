"""What a check found, as SARIF 2.1.0: the format in which code hosts show findings beside the code.

Written as plain data: there are six facts to a finding, and the libraries for it are either models of the whole
standard or no longer kept. The tests hold it to such a model.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from ci.policy.vulnerabilities import Judged, Judgement, Severity, Vulnerability

_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"

_SCORES: Final = {
    Severity.LOW: "3.0",
    Severity.MEDIUM: "5.5",
    Severity.HIGH: "8.0",
    Severity.CRITICAL: "9.5",
    Severity.UNKNOWN: "8.0",
}
"""GitHub shows a severity by a number: the middle of the range that each word stands for."""


@dataclass(frozen=True)
class Place:
    """Where a finding is shown: a file of the repository, and a line of it, from 1."""

    path: str
    line: int = 1


def as_sarif(check: str, judgement: Judgement, place_of: Callable[[Vulnerability], Place]) -> str:
    """Write a judgement; what passes by an exception is there too, suppressed, with the reason."""
    vulnerabilities = {judged.vulnerability.id: judged.vulnerability for judged in judgement.judged}
    run = {
        "tool": {"driver": {"name": check, "rules": [_rule(one) for one in vulnerabilities.values()]}},
        "results": [
            _result(judged, place_of(judged.vulnerability), list(vulnerabilities)) for judged in judgement.judged
        ],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def place_in_lock(lock: str, path: str) -> Callable[[Vulnerability], Place]:
    """Find packages in a lock file of uv: each begins with a line of its name."""
    lines = {line: number for number, line in enumerate(lock.splitlines(), start=1)}
    return lambda one: Place(path, lines.get(f'name = "{one.package}"', 1))


def _rule(one: Vulnerability) -> dict[str, object]:
    return {
        "id": one.id,
        "shortDescription": {"text": one.title or one.id},
        "helpUri": one.url,
        "properties": {"tags": ["security"], "security-severity": _SCORES[one.severity]},
    }


def _result(judged: Judged, place: Place, rules: Sequence[str]) -> dict[str, object]:
    one = judged.vulnerability
    result: dict[str, object] = {
        "ruleId": one.id,
        "ruleIndex": rules.index(one.id),
        "level": "error" if judged.blocks else "note",
        "message": {"text": f"{one}: {judged.why}"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": place.path},
                    "region": {"startLine": place.line},
                }
            }
        ],
        # The same finding stays the same one when the file's lines move.
        "partialFingerprints": {"package/v1": sha256(f"{one.id} {one.package}".encode()).hexdigest()},
    }
    if judged.exemption:
        result["suppressions"] = [{"kind": "external", "justification": judged.exemption.reason}]
    return result
