"""How many requests a client may make: a fixed number per window of time."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from app.core.errors import RateLimitedError
from app.core.ports import HitCounter


@dataclass(frozen=True, slots=True)
class Quota:
    """So many requests in so many seconds."""

    requests: int
    seconds: int = 60


class RateLimiter:
    """Refuses the requests of a client that are beyond its quota."""

    def __init__(self, quota: Quota, counter: HitCounter, *, clock: Callable[[], float] = time.time) -> None:
        self._quota = quota
        self._counter = counter
        self._clock = clock

    async def admit(self, client: str) -> None:
        """Count a request of this client; raises RateLimitedError with the seconds until the next window."""
        now = self._clock()
        window = int(now // self._quota.seconds)
        hits = await self._counter.hit(client, window=window)
        if hits > self._quota.requests:
            next_window = (window + 1) * self._quota.seconds
            raise RateLimitedError(retry_after=math.ceil(next_window - now))
