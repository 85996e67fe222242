"""Refs, branches and commits, as git and GitHub write them."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ci.policy.errors import PolicyError

LONGEST_NAME: Final = 255
"""Characters of a branch's or tag's name: what file systems and GitHub take."""

_HEADS: Final = "refs/heads/"
_TAGS: Final = "refs/tags/"
_FORBIDDEN: Final = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_REPOSITORY: Final = re.compile(r"[A-Za-z0-9._-]+/[A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Branch:
    """A branch by its name, without `refs/heads/`."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Tag:
    """A tag of the repository by its name, without `refs/tags/`."""

    name: str

    def __str__(self) -> str:
        return self.name


Ref = Branch | Tag


def _has_bad_component(name: str) -> bool:
    return any(not part or part.startswith(".") or part.endswith((".lock", ".")) for part in name.split("/"))


# git's own rules for a ref's name, and ours: ASCII and a length, so that a name can be shown, and no name that reads like a ref.
_FAULTS: Final[tuple[tuple[Callable[[str], bool], str], ...]] = (
    (lambda name: not name, "a name that is not empty"),
    (lambda name: len(name) > LONGEST_NAME, f"a name of at most {LONGEST_NAME} characters"),
    (lambda name: not name.isascii(), "a name of ASCII characters"),
    (lambda name: bool(_FORBIDDEN.search(name)), r"a name without blanks, control characters and ~ ^ : ? * [ \ "),
    (lambda name: ".." in name, "a name without '..'"),
    (lambda name: "@{" in name or name == "@", "a name that is not '@' and has no '@{'"),
    (lambda name: name.startswith(("-", "refs/")), "a name that begins with neither '-' nor 'refs/'"),
    (
        _has_bad_component,
        "a name whose parts between '/' are not empty, begin with no '.', end in neither '.' nor '.lock'",
    ),
)


def _name(what: str, name: str) -> str:
    for is_at_fault, expected in _FAULTS:
        if is_at_fault(name):
            raise PolicyError(what, name, expected.rstrip())
    return name


def parse_branch(text: str) -> Branch:
    """Read a branch, written as its name or with `refs/heads/` before it; PolicyError when git would refuse it.

    >>> parse_branch("refs/heads/feature/login") == parse_branch("feature/login") == Branch("feature/login")
    True
    """
    return Branch(_name("branch", text.removeprefix(_HEADS)))


def parse_ref(text: str) -> Ref:
    """Read the full ref of a branch or a tag; PolicyError for anything else.

    >>> parse_ref("refs/tags/v1.4.2")
    Tag(name='v1.4.2')
    """
    if text.startswith(_HEADS):
        return parse_branch(text)
    if text.startswith(_TAGS):
        return Tag(_name("tag", text.removeprefix(_TAGS)))
    raise PolicyError("ref", text, "refs/heads/<branch> or refs/tags/<tag>")


def parse_commit(text: str) -> str:
    """Read the full hash of a commit; the null hash, which stands for a deleted ref, is none."""
    if not _COMMIT.fullmatch(text) or not text.strip("0"):
        raise PolicyError("commit", text, "the 40 lower-case hexadecimal digits of a commit's hash")
    return text


def parse_repository(text: str) -> str:
    """Read `owner/name` of a repository; in lower case, because its case does not tell two apart."""
    if not _REPOSITORY.fullmatch(text) or {".", ".."} & set(text.split("/")):
        raise PolicyError("repository", text, "owner/name")
    return text.lower()


def matches(pattern: str, name: str) -> bool:
    """Whether a branch's name fits a pattern: a name, `prefix/*` (something must follow) or `*`.

    >>> matches("feature/*", "feature/a/b"), matches("feature/*", "feature/"), matches("main", "main2")
    (True, False, False)
    """
    if not pattern.endswith("*"):
        return name == pattern
    prefix = pattern.removesuffix("*")
    return name.startswith(prefix) and len(name) > len(prefix)
