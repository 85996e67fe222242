"""Copies of items in Redis."""

from collections.abc import Awaitable, Callable
from typing import Any, Final
from uuid import UUID

from pydantic import TypeAdapter, ValidationError
from redis.asyncio import Redis

from app.cache.guard import RedisGuard
from app.core.items import Item

_ITEM: Final = TypeAdapter(Item)

# Beyond every version of an item, and exact as a Lua number.
_REMOVED: Final = 2**53

# A reader may come late: between its read of the database and its `put` another request may have changed the item.
# So the newest version wins, and a removed item leaves a mark that no late copy can replace while it lasts.
_KEEP_NEWEST: Final = """
local held = tonumber(redis.call('HGET', KEYS[1], 'version') or '0')
if held <= tonumber(ARGV[1]) then
    redis.call('HSET', KEYS[1], 'version', ARGV[1], 'body', ARGV[2])
    redis.call('EXPIRE', KEYS[1], ARGV[3])
end
return 1
"""


class RedisItemCache:
    """Keeps each copy for some seconds: also the longest time for which a lost `put` can leave an old one visible."""

    def __init__(self, guard: RedisGuard, *, seconds: int, observe: Callable[[bool], None]) -> None:
        self._guard = guard
        self._seconds = seconds
        self._observe = observe

    async def get(self, item_id: UUID) -> Item | None:
        item = _parse(await self._guard.run(lambda redis: redis.hget(_key(item_id), "body"), otherwise=None))
        self._observe(item is not None)
        return item

    async def put(self, item: Item) -> None:
        await self._keep(item.id, item.version, _ITEM.dump_json(item))

    async def remove(self, item_id: UUID) -> None:
        await self._keep(item_id, _REMOVED, b"")

    async def _keep(self, item_id: UUID, version: int, body: bytes) -> None:
        def keep_newest(redis: Redis) -> Awaitable[Any]:
            return redis.eval(_KEEP_NEWEST, 1, _key(item_id), version, body, self._seconds)

        await self._guard.run(keep_newest, otherwise=None)


def _key(item_id: UUID) -> str:
    # The number is that of the body's form: raise it when a field of Item changes.
    return f"app:item:1:{item_id}"


def _parse(body: bytes | str | None) -> Item | None:
    if not body:
        return None
    try:
        return _ITEM.validate_json(body)
    except ValidationError:
        # Written by a release with another idea of an item.
        return None
