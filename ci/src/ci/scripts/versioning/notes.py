"""What changed in a version, and the changelog that is made of it."""

import re
from itertools import takewhile
from typing import Final

from semver import Version

from .repository import Refused, Release, commits, parse_version, releases
from .rules import Rules

NOTHING: Final = "Nothing that users notice."
TITLE: Final = "# Changelog\n\n"
UNRELEASED: Final = "Unreleased"

_VERSION_HEADING: Final = re.compile(r"^## +\[?v?([0-9]+\.[0-9]+\.[0-9]+[^\s\]]*)", re.MULTILINE)


def predecessors(version: Version, contained: tuple[Release, ...]) -> list[str]:
    """Name the tag that a version is compared with: the highest lower one that it contains; none for the first.

    A stable version is compared with a stable one, so its notes hold what its prereleases brought.
    """
    lower = [
        release.ref for release in contained if release.version < version and (version.prerelease or release.is_stable)
    ]
    return lower[-1:]


def section(rules: Rules, release: Release, until: str) -> str:
    """Render what a version brought, up to a commit."""
    changes = commits(predecessors(release.version, releases(until)), until)
    text = rules.section(release.tag, release.date, changes)
    return text if "\n" in text.strip() else f"{text}\n{NOTHING}\n"


def notes(rules: Rules, version: str) -> str:
    """Give the notes of one version, without its heading; where it has no tag, the draft for HEAD."""
    wanted = parse_version(version.removeprefix("v"))
    tagged = next((release for release in releases() if release.version == wanted), None)
    if tagged is None:
        above = [release.tag for release in releases("HEAD") if release.version > wanted]
        if above:
            raise Refused(
                f"v{wanted} has no tag, and HEAD contains {above[-1]}, which is higher: there is no draft of it"
            )
    release = tagged or Release(wanted, "")
    text = section(rules, release, release.ref if tagged else "HEAD")
    return text.partition("\n")[2].strip() + "\n"


def whole(rules: Rules) -> str:
    """Give the changelog of everything that HEAD contains; prereleases only as long as their version is not stable."""
    contained = releases("HEAD")
    stable = [release.version for release in contained if release.is_stable]
    shown = [release for release in contained if release.is_stable or not stable or release.version > max(stable)]
    sections = [section(rules, release, release.ref) for release in reversed(shown)]
    fresh = rules.section(UNRELEASED, "", commits([release.ref for release in contained[-1:]], "HEAD"))
    if "\n" in fresh.strip():
        sections.insert(0, fresh)
    return TITLE + "\n".join(sections)


def updated(rules: Rules, text: str, release: Release) -> str:
    """Put the section of the version that HEAD becomes into a changelog, above the others.

    What people wrote stays; prereleases that end in a stable version are part of its section and go. Where there is
    no changelog yet, it begins with all versions that there have been.
    """
    new = section(rules, release, "HEAD")
    if not _VERSION_HEADING.search(text):
        so_far = whole(rules)
        last = _VERSION_HEADING.search(so_far)
        text = f"{text.strip() or TITLE.strip()}\n\n{so_far[last.start() :] if last else ''}"
    headings = list(_VERSION_HEADING.finditer(text))
    gone = list(takewhile(lambda heading: "-" in heading[1], headings)) if release.is_stable else []
    kept = headings[len(gone) :]
    start = headings[0].start() if headings else len(text)
    rest = text[kept[0].start() :] if kept else ""
    before = text[:start].rstrip("\n")
    return "\n\n".join(part.strip("\n") for part in (before, new, rest) if part.strip()) + "\n"
