"""What commit messages say: only as much of conventional commits as decisions need; their form is checked elsewhere."""

import re
from dataclasses import dataclass
from typing import Final

_HEADER: Final = re.compile(r"(?P<type>[A-Za-z]+)(?:\([^()\r\n]*\))?(?P<breaking>!)?: ")
_FOOTER: Final = re.compile(r"^BREAKING[ -]CHANGE: ", re.MULTILINE)
_PULL_REQUEST: Final = re.compile(r"Merge pull request #[0-9]+ from |.* \(#[0-9]+\)$")
_BUMP: Final = re.compile(r"bump: version \S+ → (?P<version>\S+)$")


@dataclass(frozen=True)
class Change:
    """What a message announces."""

    type: str
    """Such as `feat`; empty where the message is no conventional commit."""
    breaking: bool


def subject(message: str) -> str:
    """Give the first line of a message."""
    return message.partition("\n")[0].rstrip()


def announced(message: str) -> Change:
    """Read the type of a message and whether it announces a breaking change.

    >>> announced("feat(items)!: a page has at most 100 items")
    Change(type='feat', breaking=True)
    """
    header = _HEADER.match(message)
    breaking = bool(_FOOTER.search(message)) or bool(header and header["breaking"])
    return Change(header["type"].lower() if header else "", breaking)


def names_pull_request(message: str) -> bool:
    """Whether a message is the one that GitHub gives to a merged or squashed pull request."""
    return bool(_PULL_REQUEST.match(subject(message)))


def cut_version(message: str) -> str | None:
    """Name the version that a commit sets, when it is the one that cuts a release.

    >>> cut_version("bump: version 1.4.1 → 1.4.2")
    '1.4.2'
    """
    bump = _BUMP.match(subject(message))
    return bump["version"] if bump else None
