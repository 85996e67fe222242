"""Exceptions: vulnerabilities that are known and borne for a while, each with a reason and an end."""

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from ci.policy.errors import PolicyError

CHECKS: Final = ("audit", "scan")
"""The checks that look for vulnerabilities: of the locked dependencies, of the image."""

_FIELDS: Final = frozenset({"id", "package", "checks", "reason", "until"})
_EXPECTED: Final = f"[[exception]] with {', '.join(sorted(_FIELDS))} and nothing else"


@dataclass(frozen=True)
class Exemption:
    """One exception of the file."""

    id: str
    """Any name of the vulnerability: GHSA, CVE, PYSEC, DSA."""
    package: str
    checks: tuple[str, ...]
    """The checks that let it pass."""
    reason: str
    until: date
    """The last day on which it counts."""

    def means(self, names: Collection[str], package: str) -> bool:
        """Whether it is about a vulnerability with these names in this package."""
        return self.id in names and self.package == package

    def __str__(self) -> str:
        return f"{self.id} in {self.package}"


def parse_exemptions(text: str) -> tuple[Exemption, ...]:
    """Read the file of exceptions (TOML); PolicyError names the first that is malformed.

    >>> parse_exemptions("")
    ()
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError("file of exceptions", str(error), "TOML") from None
    entries = document.pop("exception", [])
    if document or not isinstance(entries, list):
        raise PolicyError("file of exceptions", ", ".join(document) or "exception", _EXPECTED)
    exemptions = tuple(map(_exemption, entries))
    for exemption in exemptions:
        if sum(other.means({exemption.id}, exemption.package) for other in exemptions) > 1:
            raise PolicyError("exception", str(exemption), "one exception for each vulnerability of a package")
    return exemptions


def _exemption(entry: object) -> Exemption:
    if not isinstance(entry, Mapping) or set(entry) != _FIELDS:
        raise PolicyError("exception", str(entry), _EXPECTED)
    until, checks = entry["until"], entry["checks"]
    # A datetime is a date to Python, but an end has no hour.
    if not isinstance(until, date) or isinstance(until, datetime):
        raise PolicyError("end of an exception", str(until), "a day, such as until = 2027-03-31")
    if not isinstance(checks, list) or not checks or not set(map(str, checks)) <= set(CHECKS):
        raise PolicyError("checks of an exception", str(checks), f"a list of {' or '.join(CHECKS)}")
    return Exemption(
        id=_text(entry, "id"),
        package=_text(entry, "package"),
        checks=tuple(checks),
        reason=_text(entry, "reason"),
        until=until,
    )


def _text(entry: Mapping[str, object], name: str) -> str:
    value = entry[name]
    if not isinstance(value, str) or not value.strip():
        raise PolicyError(f"{name} of an exception", str(value), "words")
    return value.strip()
