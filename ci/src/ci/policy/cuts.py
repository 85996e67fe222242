"""Where a version is cut, which ones may be cut there, and what a person may ask for."""

from enum import StrEnum
from typing import Final, TypeVar

from semver import Version

from ci.policy.errors import PolicyError
from ci.policy.models import MAIN
from ci.policy.refs import Branch, matches
from ci.policy.versions import minor_line

HOTFIX: Final = "hotfix/*"
CUT_LINES: Final = (MAIN, HOTFIX)
"""Branches on which the commit of a version is made; the candidates of a release branch are tagged without one."""


class Prerelease(StrEnum):
    """A version before the stable one; each kind can only be followed by a later one."""

    ALPHA = "alpha"
    BETA = "beta"
    RC = "rc"


class Increment(StrEnum):
    """Which part of the version counts up."""

    PATCH = "patch"
    MINOR = "minor"
    MAJOR = "major"


Wish = TypeVar("Wish", Prerelease, Increment)


def parse_wish(kind: type[Wish], text: str) -> Wish | None:
    """Read what a person asked for, in any case; None where nothing was asked for.

    >>> parse_wish(Prerelease, "RC")
    <Prerelease.RC: 'rc'>
    """
    try:
        return kind(text.lower()) if text else None
    except ValueError:
        raise PolicyError(kind.__name__.lower(), text, " or ".join(kind)) from None


def refused_line(branch: Branch) -> str | None:
    """Say why no version is cut on a branch; None where one may be.

    >>> refused_line(Branch("feature/login"))
    'no version is cut on feature/login, only on main or hotfix/*'
    """
    if any(matches(line, branch.name) for line in CUT_LINES):
        return None
    return f"no version is cut on {branch}, only on {' or '.join(CUT_LINES)}"


def skips_taken(branch: str) -> bool:
    """Whether a patch version that another line has used is counted over.

    Main goes on above its hotfixes, which it is brought. A hotfix line does not: it would release as newer what lacks
    the other line's fix.
    """
    return not matches(HOTFIX, branch)


def refused_version(branch: Branch, current: Version, target: Version) -> str | None:
    """Say why a version may not follow another on a branch; None where it may.

    >>> refused_version(Branch("hotfix/1.4.2"), Version.parse("1.4.1"), Version.parse("1.5.0"))
    'hotfix/1.4.2 gets patch versions of 1.4 only, but what is new on it asks for 1.5.0 (--increment=PATCH overrules that)'
    """
    if branch.name == MAIN or minor_line(target) == minor_line(current):
        return None
    line = ".".join(map(str, minor_line(current)))
    return (
        f"{branch} gets patch versions of {line} only, but what is new on it asks for {target} "
        "(--increment=PATCH overrules that)"
    )
