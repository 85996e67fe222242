"""Versions: strict semantic versioning 2.0.0 without build metadata, tagged in git as `vX.Y.Z[-prerelease]`."""

import re
from collections.abc import Callable, Iterable
from typing import Final

from semver import Version

from ci.policy.errors import PolicyError

LONGEST_VERSION: Final = 128
"""Characters of a version: it is an image's tag too, and those end there."""

_EXPECTED: Final = (
    "X.Y.Z or X.Y.Z-prerelease without leading zeros and build metadata, such as {0}1.4.2 or {0}1.5.0-rc.1"
)
_CANDIDATE: Final = re.compile(r"rc\.(0|[1-9][0-9]*)")


def _is_strict(text: str) -> bool:
    # Asked before parsing: the parser's digits are Unicode's, a version's are ASCII, and `+build` is no image tag.
    return text.isascii() and len(text) <= LONGEST_VERSION and "+" not in text and Version.is_valid(text)


def parse_version(text: str) -> Version:
    """Read a version as an image's tag has it, without `v`.

    >>> parse_version("1.5.0-alpha.10") > parse_version("1.5.0-alpha.2")
    True
    """
    if not _is_strict(text):
        raise PolicyError("version", text, _EXPECTED.format(""))
    return Version.parse(text)


def parse_version_tag(text: str) -> Version:
    """Read the name of a git tag that names a version: `v` and the version."""
    if not text.startswith("v") or not _is_strict(text[1:]):
        raise PolicyError("version tag", text, _EXPECTED.format("v"))
    return Version.parse(text[1:])


def version_tag(version: Version) -> str:
    """Name the git tag of a version."""
    return f"v{version}"


def versions_among(git_tags: Iterable[str], image_tags: Iterable[str]) -> frozenset[Version]:
    """Collect the versions that git or the registry knows; tags that name none (`v1.2`, `latest`) are left out.

    Both are asked, because a version that is only in one of them exists all the same.
    """
    names = [*(tag[1:] for tag in git_tags if tag.startswith("v")), *image_tags]
    return frozenset(Version.parse(name) for name in names if _is_strict(name))


def is_stable(version: Version) -> bool:
    """Whether a version is no prerelease."""
    return not version.prerelease


def is_highest(version: Version, known: Iterable[Version], line: Callable[[Version], object] = lambda _: None) -> bool:
    """Whether no known stable version of the same line is above this stable one; the default line is all versions."""
    return is_stable(version) and all(
        other <= version for other in known if is_stable(other) and line(other) == line(version)
    )


def major_line(version: Version) -> tuple[int, ...]:
    """Name the line `1.*` of a version."""
    return (version.major,)


def minor_line(version: Version) -> tuple[int, ...]:
    """Name the line `1.4.*` of a version."""
    return (version.major, version.minor)


def next_candidate(target: Version, known: Iterable[Version]) -> Version:
    """Name the next release candidate of a version: one above the highest known, `rc.1` when there is none.

    A gap is never filled: the candidate must sort after those that people have.

    >>> str(next_candidate(parse_version("1.5.0"), [parse_version("1.5.0-rc.9"), parse_version("1.5.0-rc.10")]))
    '1.5.0-rc.11'
    """
    numbers = [
        int(candidate[1])
        for version in known
        if version.finalize_version() == target and (candidate := _CANDIDATE.fullmatch(version.prerelease or ""))
    ]
    return target.replace(prerelease=f"rc.{max(numbers, default=0) + 1}")
