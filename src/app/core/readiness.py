"""Whether this process can serve: everything it depends on is asked at once, within a bound of time."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

_logger = logging.getLogger(__name__)


class Health(StrEnum):
    """How a dependency does."""

    UP = "up"
    DOWN = "down"
    OFF = "off"


class Status(StrEnum):
    """How the service does: degraded means that it serves, without something it would be better with."""

    READY = "ready"
    DEGRADED = "degraded"
    UNAVAILABLE = "unavailable"


class NotUpError(Exception):
    """A dependency answers, but not as it should; the message may be shown to anyone."""


@dataclass(frozen=True, slots=True)
class Dependency:
    """What the service uses. `check` raises when it is not up; without one, it is not configured."""

    name: str
    required: bool
    check: Callable[[], Awaitable[None]] | None


@dataclass(frozen=True, slots=True)
class Finding:
    """How one dependency was found."""

    name: str
    required: bool
    health: Health
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Readiness:
    """All findings and what follows from them."""

    findings: tuple[Finding, ...]

    @property
    def down(self) -> tuple[Finding, ...]:
        """Everything that is down."""
        return tuple(finding for finding in self.findings if finding.health is Health.DOWN)

    @property
    def status(self) -> Status:
        """Unavailable without something required, degraded without something else."""
        if any(finding.required for finding in self.down):
            return Status.UNAVAILABLE
        return Status.DEGRADED if self.down else Status.READY


async def assess(dependencies: Iterable[Dependency], *, timeout: float) -> Readiness:  # noqa: ASYNC109 - one per check
    """Ask all dependencies concurrently, each for at most `timeout` seconds."""
    return Readiness(tuple(await asyncio.gather(*(_find(dependency, timeout) for dependency in dependencies))))


async def _find(dependency: Dependency, seconds: float) -> Finding:
    name, required = dependency.name, dependency.required
    if dependency.check is None:
        return Finding(name, required, Health.OFF)
    try:
        async with asyncio.timeout(seconds):
            await dependency.check()
    except TimeoutError:
        return Finding(name, required, Health.DOWN, f"no answer within {seconds:g} s")
    except NotUpError as error:
        return Finding(name, required, Health.DOWN, str(error))
    except Exception as error:  # noqa: BLE001 - whatever a driver raises means: not up
        # The reason may name hosts and users: it is for the logs.
        _logger.warning("a dependency is down", extra={"dependency": name, "reason": repr(error)})
        return Finding(name, required, Health.DOWN, "not reachable")
    return Finding(name, required, Health.UP)
