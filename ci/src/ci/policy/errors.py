"""What the policy says to input that it cannot read: one line, with what was expected."""

from typing import Final

SHOWN: Final = 60
"""Characters of the offending text that a message repeats."""


class PolicyError(ValueError):
    """A fact is malformed; nothing may be decided from it.

    >>> print(PolicyError("version tag", "v1.2", "vX.Y.Z"))
    version tag 'v1.2' is refused: expected vX.Y.Z
    """

    exit_code: Final = 2

    def __init__(self, what: str, value: str, expected: str) -> None:
        super().__init__(f"{what} {shown(value)} is refused: expected {expected}")
        self.what = what
        self.value = value
        self.expected = expected


def shown(text: str) -> str:
    """Quote text of unknown origin on one line: no control characters, nothing beyond ASCII, not too long.

    >>> shown("a" * 70)
    "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'... (70 characters)"
    """
    if len(text) <= SHOWN:
        return ascii(text)
    return f"{text[:SHOWN]!a}... ({len(text)} characters)"
