"""How long a stage may take and how much memory its processes may use: change a stage's bounds here."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True)
class Limit:
    """The bounds of one stage; what hits the first one is ended and says so, and no later run takes it for a result."""

    seconds: int = 900
    """For the stage's commands together; not for what is made before them, such as an image."""
    megabytes: int = 4096
    """Of data for each process; a process that asks for more is told that there is none."""


LIMITS: Final[Mapping[str, Limit]] = MappingProxyType(
    {
        "integration": Limit(seconds=1200),
        "smoke": Limit(seconds=300),
        "scan": Limit(seconds=600),
    }
)
"""Stages with bounds of their own."""


def limit_of(stage: str) -> Limit:
    """Give the bounds of a stage.

    >>> limit_of("lint")
    Limit(seconds=900, megabytes=4096)
    """
    return LIMITS.get(stage, Limit())
