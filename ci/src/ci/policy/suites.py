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
    """Everything before a merge or a release: the quick suite, then migrations, integration, image, smoke test and audit."""


_QUICK: Final = (
    "formatting",
    "lint",
    "types",
    "unit",
    "lock",
    "commits",
    "openapi",
    "dockerfile",
    "sql",
    "workflow",
    "secrets",
)
_SERVICES_AND_IMAGE: Final = ("migrations", "integration", "build", "smoke")
_ADVISORIES: Final = ("audit",)

STAGES: Final[Mapping[Suite, tuple[str, ...]]] = MappingProxyType(
    {
        Suite.QUICK: _QUICK,
        Suite.FULL: _QUICK + _SERVICES_AND_IMAGE + _ADVISORIES,
    }
)


ALONE: Final = ("scan",)
"""Stages of no suite: a plan names them, or a person runs them."""


def stages_of(suite: Suite) -> tuple[str, ...]:
    """Name the stages of a suite, in the order in which they are reported.

    >>> stages_of(Suite.QUICK)
    ('formatting', 'lint', 'types', 'unit', 'lock', 'commits', 'openapi', 'dockerfile', 'sql', 'workflow', 'secrets')
    """
    return STAGES[suite]
