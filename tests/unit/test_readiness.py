"""Readiness: everything asked at once, within a bound, and judged."""

import asyncio
import logging

import pytest

from app.core.readiness import Dependency, Finding, Health, NotUpError, Readiness, Status, assess


async def up() -> None:
    """Answer as it should."""


async def refused() -> None:
    """Fail as a driver does, with a reason that is nobody's business."""
    raise ConnectionRefusedError("cannot connect to secret-host")


async def never() -> None:
    """Do not answer."""
    await asyncio.Event().wait()


async def behind() -> None:
    """Answer, but not as it should."""
    raise NotUpError("behind this release")


async def test_finds_how_each_dependency_does(caplog: pytest.LogCaptureFixture) -> None:
    """Findings tell who is down and why, without the reason that only the logs may have."""
    with caplog.at_level(logging.WARNING):
        readiness = await assess(
            [
                Dependency("database", True, up),
                Dependency("broken", True, refused),
                Dependency("silent", False, never),
                Dependency("migrations", True, behind),
                Dependency("cache", False, None),
            ],
            timeout=0.01,
        )
    assert readiness.findings == (
        Finding("database", True, Health.UP),
        Finding("broken", True, Health.DOWN, "not reachable"),
        Finding("silent", False, Health.DOWN, "no answer within 0.01 s"),
        Finding("migrations", True, Health.DOWN, "behind this release"),
        Finding("cache", False, Health.OFF),
    )
    assert "secret-host" in str(vars(caplog.records[0])["reason"])


async def test_asks_all_at_once() -> None:
    """Checks that wait for each other end, since all of them run."""
    met = asyncio.Barrier(2)

    async def meet() -> None:
        await met.wait()

    readiness = await assess([Dependency("one", True, meet), Dependency("other", True, meet)], timeout=5)
    assert readiness.status is Status.READY


@pytest.mark.parametrize(
    ("findings", "status"),
    [
        pytest.param([], Status.READY, id="nothing is needed"),
        pytest.param([Finding("a", True, Health.UP), Finding("b", True, Health.OFF)], Status.READY, id="up or off"),
        pytest.param([Finding("a", False, Health.DOWN)], Status.DEGRADED, id="an optional one is down"),
        pytest.param(
            [Finding("a", True, Health.DOWN), Finding("b", False, Health.DOWN)],
            Status.UNAVAILABLE,
            id="a required one is down",
        ),
    ],
)
def test_judges_by_what_is_required(findings: list[Finding], status: Status) -> None:
    """Only what is required makes the service unavailable."""
    assert Readiness(tuple(findings)).status is status
