"""Known vulnerabilities of what is shipped, and which of them stop a run."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from ci.policy.exemptions import Exemption


class Severity(StrEnum):
    """How bad an advisory calls it."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"
    UNKNOWN = "unknown"
    """Nobody has said, so it is treated as high: what is not known must not pass for harmless."""


BLOCKING: Final = frozenset({Severity.HIGH, Severity.CRITICAL, Severity.UNKNOWN})

_WORDS: Final = {"moderate": Severity.MEDIUM, "negligible": Severity.LOW}


def parse_severity(word: str) -> Severity:
    """Read the word of an advisory or a scanner; one that is not known is `UNKNOWN`, never an error.

    >>> parse_severity("MODERATE")
    <Severity.MEDIUM: 'medium'>
    """
    known = word.strip().lower()
    try:
        return _WORDS.get(known) or Severity(known)
    except ValueError:
        return Severity.UNKNOWN


@dataclass(frozen=True)
class Vulnerability:
    """An advisory about a version of a package that is shipped."""

    id: str
    package: str
    version: str
    severity: Severity = Severity.UNKNOWN
    fixed_in: tuple[str, ...] = ()
    """Versions without it; empty where there is none yet."""
    aliases: tuple[str, ...] = ()
    """Its names in other databases."""
    title: str = ""

    @property
    def names(self) -> frozenset[str]:
        """Every name by which an exception can mean it."""
        return frozenset({self.id, *self.aliases})

    @property
    def url(self) -> str:
        """Where a person can read about it."""
        return f"https://osv.dev/vulnerability/{self.id}"

    def __str__(self) -> str:
        fix = f"fixed in {', '.join(self.fixed_in)}" if self.fixed_in else "no fix yet"
        return f"{self.package} {self.version}: {self.id} ({self.severity}, {fix})"


@dataclass(frozen=True)
class Judged:
    """A vulnerability, and what is made of it."""

    vulnerability: Vulnerability
    blocks: bool
    why: str
    exemption: Exemption | None = None
    """The exception that it passes by."""


@dataclass(frozen=True)
class Judgement:
    """What a check found, the worst first, and what there is to say about the exceptions."""

    judged: tuple[Judged, ...] = ()
    notes: tuple[str, ...] = ()
    """Exceptions that have ended or that nothing needs any more."""

    @property
    def passed(self) -> bool:
        """Whether nothing stops the run."""
        return not any(one.blocks for one in self.judged)


def judge(found: Iterable[Vulnerability], exemptions: Iterable[Exemption], check: str, today: date) -> Judgement:
    """Decide about each vulnerability: what has a fix, and is high, critical or of unknown severity, stops the run.

    Only exceptions for this check count. The day on which one ends is its last.
    """
    own = [exemption for exemption in exemptions if check in exemption.checks]
    vulnerabilities = sorted(set(found), key=lambda one: (one.package, one.id, one.version))
    judged = [_judged(one, own, today) for one in vulnerabilities]
    needed = {exemption for one in vulnerabilities for exemption in own if exemption.means(one.names, one.package)}
    return Judgement(
        judged=tuple(sorted(judged, key=lambda one: not one.blocks)),
        notes=(
            *(f"the exception for {one} ended on {one.until}" for one in own if one in needed and one.until < today),
            *(f"the exception for {one} is not needed any more: remove it" for one in own if one not in needed),
        ),
    )


def _judged(vulnerability: Vulnerability, exemptions: Iterable[Exemption], today: date) -> Judged:
    if not vulnerability.fixed_in:
        return Judged(vulnerability, False, "there is no fix yet")
    if vulnerability.severity not in BLOCKING:
        return Judged(vulnerability, False, "it is neither high nor critical")
    for exemption in exemptions:
        if exemption.means(vulnerability.names, vulnerability.package) and today <= exemption.until:
            return Judged(vulnerability, False, f"until {exemption.until}: {exemption.reason}", exemption)
    return Judged(vulnerability, True, "it can be fixed")
