"""Copies and counts in Redis."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.cache.guard import RedisGuard, create_redis
from app.cache.hits import RedisHitCounter
from app.cache.items import RedisItemCache
from app.core.memory import MemoryHitCounter
from item_contract import an_item, renamed


@pytest.fixture
async def guard(redis_url: str) -> AsyncIterator[RedisGuard]:
    """Access to Redis as the service has it."""
    guard = RedisGuard(create_redis(redis_url))
    yield guard
    await guard.aclose()


@pytest.fixture
def lookups() -> list[bool]:
    """What the cache tells of its lookups."""
    return []


@pytest.fixture
def cache(guard: RedisGuard, lookups: list[bool]) -> RedisItemCache:
    """An empty cache."""
    return RedisItemCache(guard, seconds=60, observe=lookups.append)


async def test_gives_back_what_it_was_given(cache: RedisItemCache, lookups: list[bool]) -> None:
    """A copy equals its item in every field, and each lookup is told."""
    item = an_item()
    assert await cache.get(item.id) is None
    await cache.put(item)
    assert await cache.get(item.id) == item
    assert lookups == [False, True]


async def test_the_newest_version_wins(cache: RedisItemCache) -> None:
    """A copy that comes late, from a reader that was overtaken, does not replace a newer one."""
    item = an_item("lamp")
    changed = renamed(item, "torch")
    await cache.put(changed)
    await cache.put(item)
    assert await cache.get(item.id) == changed


async def test_what_was_removed_stays_removed(cache: RedisItemCache) -> None:
    """A copy that comes after the removal is refused."""
    item = an_item()
    await cache.put(item)
    await cache.remove(item.id)
    await cache.put(item)
    assert await cache.get(item.id) is None


async def test_copies_end_after_their_time(guard: RedisGuard, redis_url: str) -> None:
    """No copy is kept without an end."""
    cache, item = RedisItemCache(guard, seconds=7, observe=lambda _: None), an_item()
    await cache.put(item)
    async with create_redis(redis_url) as redis:
        (key,) = await redis.keys("*")
        assert 0 < await redis.ttl(key) <= 7


async def test_a_copy_of_another_form_is_none(cache: RedisItemCache, redis_url: str) -> None:
    """What another release has written and this one cannot read is read from the database instead."""
    item = an_item()
    await cache.put(item)
    async with create_redis(redis_url) as redis:
        (key,) = await redis.keys("*")
        await redis.hset(key, "body", '{"unknown": true}')
    assert await cache.get(item.id) is None


async def test_hits_of_all_processes_are_one_count(guard: RedisGuard, redis_url: str) -> None:
    """Counters that share a Redis share the count, which ends by itself."""
    one, other = (RedisHitCounter(guard, window_seconds=60, fallback=MemoryHitCounter()) for _ in range(2))
    hits = await asyncio.gather(*(counter.hit("client", window=1) for counter in (one, other, one)))
    assert sorted(hits) == [1, 2, 3]
    assert await one.hit("client", window=2) == 1
    async with create_redis(redis_url) as redis:
        assert all([0 < await redis.ttl(key) <= 120 for key in await redis.keys("*")])
