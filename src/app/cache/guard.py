"""Access to Redis that never fails its caller: when Redis is down, the caller gets a stand-in value, at once."""

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

_logger = logging.getLogger(__name__)
_Result = TypeVar("_Result")

# A cache that answers later than this is slower than the database it spares.
_TIMEOUT_SECONDS: Final = 0.25
# After a failure Redis is left alone for this long, so that a dead host does not cost every request a timeout.
_PAUSE_SECONDS: Final = 2.0


def create_redis(url: str) -> Redis:
    """Make a client; it connects when first used."""
    return Redis.from_url(
        url,
        decode_responses=True,
        socket_timeout=_TIMEOUT_SECONDS,
        socket_connect_timeout=_TIMEOUT_SECONDS,
        # Once more, at once: a pooled connection may have died with a restart of the server. Not after a timeout.
        retry=Retry(NoBackoff(), retries=1, supported_errors=(RedisConnectionError,)),
    )


class RedisGuard:
    """Runs commands and swallows their failures; tells of a failure once, and of the recovery."""

    def __init__(
        self, redis: Redis, *, pause: float = _PAUSE_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._redis = redis
        self._pause = pause
        self._clock = clock
        self._failing = False
        self._next_attempt = 0.0

    async def run(self, command: Callable[[Redis], Awaitable[_Result]], *, otherwise: _Result) -> _Result:
        """The command's result, or the stand-in when Redis fails or has failed a moment ago."""
        if self._failing and self._clock() < self._next_attempt:
            return otherwise
        try:
            result = await command(self._redis)
        except (RedisError, OSError) as error:
            self._next_attempt = self._clock() + self._pause
            if not self._failing:
                self._failing = True
                _logger.warning("redis is down, serving without it", extra={"reason": type(error).__name__})
            return otherwise
        if self._failing:
            self._failing = False
            _logger.info("redis is back")
        return result

    async def ping(self) -> None:
        """Ask Redis for a sign of life; raises RedisError or OSError when there is none."""
        await self._redis.ping()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._redis.aclose()
