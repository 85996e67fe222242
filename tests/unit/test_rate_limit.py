"""How many requests a client may make."""

import pytest

from app.core.errors import RateLimitedError
from app.core.memory import MemoryHitCounter
from app.core.rate_limit import Quota, RateLimiter


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now = 1200.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


async def test_admits_the_quota_and_no_more() -> None:
    """The request beyond the quota is refused, and told when the next window begins."""
    clock = Clock()
    limiter = RateLimiter(Quota(requests=2, seconds=60), MemoryHitCounter(), clock=clock)
    await limiter.admit("client")
    clock.now += 14.5
    await limiter.admit("client")
    with pytest.raises(RateLimitedError) as refused:
        await limiter.admit("client")
    assert refused.value.retry_after == 46


async def test_clients_do_not_share_a_quota() -> None:
    """What one client has used up is still there for another."""
    limiter = RateLimiter(Quota(requests=1), MemoryHitCounter())
    await limiter.admit("one")
    await limiter.admit("another")


async def test_the_quota_is_renewed_with_the_next_window() -> None:
    """A refused client is admitted again after the time it was told."""
    clock = Clock()
    limiter = RateLimiter(Quota(requests=1, seconds=60), MemoryHitCounter(), clock=clock)
    await limiter.admit("client")
    with pytest.raises(RateLimitedError) as refused:
        await limiter.admit("client")
    clock.now += refused.value.retry_after
    await limiter.admit("client")
