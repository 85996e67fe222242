"""Which stages belong to which suite."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Suite(StrEnum):
    """A set of stages that run together; one green suite is the answer to one question."""

    QUICK = "quick"
    """Seconds, and nothing outside the sandbox: no database, no cache, no image."""

    FULL = "full"
    """Everything before a merge or a release: the quick suite, then migrations, integration, image and smoke test."""


_QUICK: Final = ("formatting", "lint", "types", "unit", "lock")
_SERVICES_AND_IMAGE: Final = ("migrations", "integration", "build", "smoke")

STAGES: Final[Mapping[Suite, tuple[str, ...]]] = MappingProxyType(
    {
        Suite.QUICK: _QUICK,
        Suite.FULL: _QUICK + _SERVICES_AND_IMAGE,
    }
)


def stages_of(suite: Suite) -> tuple[str, ...]:
    """Name the stages of a suite, in the order in which they are reported.

    >>> stages_of(Suite.QUICK)
    ('formatting', 'lint', 'types', 'unit', 'lock')
    """
    return STAGES[suite]
