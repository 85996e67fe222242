"""Requests counted in Redis, so that all processes of the service share one quota per client."""

from redis.asyncio import Redis

from app.cache.guard import RedisGuard
from app.core.ports import HitCounter


class RedisHitCounter:
    """Counts in Redis; while Redis is down each process counts for itself, so that a limit always holds."""

    def __init__(self, guard: RedisGuard, *, window_seconds: int, fallback: HitCounter) -> None:
        self._guard = guard
        self._window_seconds = window_seconds
        self._fallback = fallback

    async def hit(self, client: str, *, window: int) -> int:
        async def increment(redis: Redis) -> int | None:
            key = f"app:hits:{client}:{window}"
            async with redis.pipeline() as pipeline:
                pipeline.incr(key)
                # Twice the window: the clocks of two processes may differ.
                pipeline.expire(key, 2 * self._window_seconds)
                hits, _ = await pipeline.execute()
            return int(hits)

        hits = await self._guard.run(increment, otherwise=None)
        return await self._fallback.hit(client, window=window) if hits is None else hits
