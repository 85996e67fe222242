"""Whether commits say that they break what clients rely on."""

from collections.abc import Iterable

from ci.policy.commits import announced, subject


def announcements(messages: Iterable[str]) -> tuple[str, ...]:
    """Give the subjects of the messages that announce a breaking change.

    >>> announcements(["fix: a typo", "feat(items)!: prices are texts"])
    ('feat(items)!: prices are texts',)
    """
    return tuple(subject(message) for message in messages if announced(message).breaking)
