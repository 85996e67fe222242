"""Names of images and their tags: which ones a commit, a branch and a version get, and which of them may move."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from semver import Version

from ci.policy.errors import PolicyError
from ci.policy.refs import Branch
from ci.policy.versions import is_highest, is_stable, major_line, minor_line

LONGEST_TAG: Final = 128
LONGEST_NAME: Final = 255
SHORT_COMMIT: Final = 7
"""Digits of a commit's hash in its tag; two commits can share them, so the image's own revision is compared too."""

HASH_DIGITS: Final = 12
LATEST: Final = "latest"

_INVALID: Final = re.compile(r"[^A-Za-z0-9._-]")
_TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_COMPONENT: Final = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME: Final = re.compile(rf"{_COMPONENT}(?::[0-9]{{1,5}}(?=/))?(?:/{_COMPONENT})*")
# Only these names come out as they are: `feat/x` and `feat-x` name each other, and nothing in them looks like a hash.
_PLAIN_FEATURE: Final = re.compile(r"feat/[A-Za-z0-9._-]+(?<!-[0-9a-f]{12})")


@dataclass(frozen=True)
class ImageTag:
    """A tag that an image gets; one that does not move keeps the digest that it was first given."""

    name: str
    moves: bool = False


def commit_tag(commit: str) -> str:
    """Name the tag of the image that a commit's green full suite made."""
    return f"sha-{commit[:SHORT_COMMIT]}"


def branch_tag(branch: Branch) -> str:
    """Name the tag of a branch's newest image, such that no other branch has it.

    A name that is shortened, or changed beyond the `/` after `feat`, ends in a hash of the whole name; so does a name
    that itself ends like one.

    >>> branch_tag(Branch("feat/login-button"))
    'feat-login-button'
    >>> branch_tag(Branch("feat/login/button"))
    'feat-login-button-01ca43f12102'
    """
    tag = _INVALID.sub("-", branch.name).lstrip(".-")
    if len(tag) <= LONGEST_TAG and _PLAIN_FEATURE.fullmatch(branch.name):
        return tag
    digest = hashlib.sha256(branch.name.encode()).hexdigest()[:HASH_DIGITS]
    kept = tag[: LONGEST_TAG - HASH_DIGITS - 1]
    return f"{kept}-{digest}" if kept else digest


def version_tags(version: Version, commit: str, known: Iterable[Version]) -> tuple[ImageTag, ...]:
    """Name the tags of a version's image; `known` are the versions that exist already.

    A prerelease gets its own version and nothing else. A floating tag belongs to the highest stable version of its
    line, and there is no `0`: below 1.0.0 every minor version may break.

    >>> [tag.name for tag in version_tags(Version.parse("1.4.2"), "abc1234" + "0" * 33, ())]
    ['1.4.2', '1.4', '1', 'sha-abc1234', 'latest']
    """
    own = ImageTag(str(version))
    if not is_stable(version):
        return (own,)
    known = tuple(known)
    minor = (ImageTag(f"{version.major}.{version.minor}", moves=True), is_highest(version, known, minor_line))
    major = (ImageTag(f"{version.major}", moves=True), version.major > 0 and is_highest(version, known, major_line))
    latest = (ImageTag(LATEST, moves=True), is_highest(version, known))
    commit_is = (ImageTag(commit_tag(commit)), True)
    return (own, *(tag for tag, is_given in (minor, major, commit_is, latest) if is_given))


def parse_tag(text: str) -> str:
    """Read the tag of an image; PolicyError when the registry's grammar does not have it."""
    if not _TAG.fullmatch(text):
        raise PolicyError("image tag", text, "1 to 128 of A-Z a-z 0-9 . _ -, with no . or - at the beginning")
    return text


def parse_digest(text: str) -> str:
    """Read the digest of an image."""
    if not _DIGEST.fullmatch(text):
        raise PolicyError("digest", text, "sha256: and 64 lower-case hexadecimal digits")
    return text


def image_name(text: str) -> str:
    """Read an image's name without tag, with or without a registry's host, and put it in lower case.

    >>> image_name("registry.example:5000/Acme/Items")
    'registry.example:5000/acme/items'
    """
    name = text.lower() if text.isascii() else text
    if len(name) > LONGEST_NAME or not _NAME.fullmatch(name):
        raise PolicyError("image name", text, "[host[:port]/]name in letters, digits and single separators . _ - /")
    return name
