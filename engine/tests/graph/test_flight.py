"""Work that several ask for runs once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from embedded_engine.graph.flight import SingleFlight


class Work:
    """Counts its runs and ends when it is told to."""

    def __init__(self) -> None:
        self.runs = 0
        self.cancelled = False
        self.may_end = asyncio.Event()

    async def __call__(self) -> str:
        self.runs += 1
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return f"result {self.runs}"


async def test_all_who_ask_while_it_runs_share_one_result() -> None:
    """Five waiters, one run."""
    flight, work = SingleFlight(), Work()
    waiting = [asyncio.create_task(flight.run("key", work)) for _ in range(5)]
    await asyncio.sleep(0)
    work.may_end.set()
    assert await asyncio.gather(*waiting) == ["result 1"] * 5
    assert await flight.run("key", work) == "result 1"


async def test_different_keys_run_apart() -> None:
    """A key is all that joins work."""
    flight, work = SingleFlight(), Work()
    work.may_end.set()
    assert {await flight.run("a", work), await flight.run("b", work)} == {"result 1", "result 2"}


async def test_a_failure_reaches_all_and_is_forgotten() -> None:
    """Whoever asks after a failure tries again."""
    flight = SingleFlight()
    outcomes: Iterator[Exception | str] = iter([ValueError("first"), "second"])

    async def work() -> str:
        await asyncio.sleep(0)
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    both = await asyncio.gather(flight.run("key", work), flight.run("key", work), return_exceptions=True)
    assert [str(each) for each in both] == ["first", "first"]
    assert await flight.run("key", work) == "second"


async def test_one_waiter_that_gives_up_does_not_stop_the_others() -> None:
    """Cancelling one request leaves the shared work alone."""
    flight, work = SingleFlight(), Work()
    first, second = (asyncio.create_task(flight.run("key", work)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    work.may_end.set()
    assert await second == "result 1"
    assert not work.cancelled


async def test_work_that_nobody_waits_for_is_cancelled() -> None:
    """The last waiter to give up takes the work along, and the next one begins anew."""
    flight, work = SingleFlight(), Work()
    only = asyncio.create_task(flight.run("key", work))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    only.cancel()
    with pytest.raises(asyncio.CancelledError):
        await only
    await asyncio.sleep(0)
    assert work.cancelled
    work.may_end.set()
    assert await flight.run("key", work) == "result 2"


async def test_cancel_ends_everything_and_waits_for_it() -> None:
    """At the end of a session nothing goes on."""
    flight, work = SingleFlight(), Work()
    waiting = asyncio.create_task(flight.run("key", work))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await flight.cancel()
    assert work.cancelled
    with pytest.raises(asyncio.CancelledError):
        await waiting
