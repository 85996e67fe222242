"""The rules of items: who may change what, and what the cache may know."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4

from app.core.errors import ItemNotFoundError, VersionConflictError
from app.core.items import AcceptedVersions, Cursor, Item, ItemDraft, Page
from app.core.ports import ItemCache, ItemRepository


def utc_now() -> datetime:
    """The current time, with its zone."""
    return datetime.now(UTC)


class ItemService:
    """Items within one unit of work. Whoever commits it calls `publish` afterwards, and only then."""

    def __init__(
        self,
        repository: ItemRepository,
        cache: ItemCache,
        *,
        now: Callable[[], datetime] = utc_now,
        new_id: Callable[[], UUID] = uuid4,
    ) -> None:
        self._repository = repository
        self._cache = cache
        self._now = now
        self._new_id = new_id
        self._stored: dict[UUID, Item] = {}
        self._removed: set[UUID] = set()

    async def create(self, draft: ItemDraft) -> Item:
        """Store a new item; raises ItemNameTakenError."""
        item = Item.create(draft, item_id=self._new_id(), now=self._now())
        await self._repository.add(item)
        self._stored[item.id] = item
        return item

    async def get(self, item_id: UUID) -> Item:
        """Find an item, in the cache first; raises ItemNotFoundError."""
        if (cached := await self._cache.get(item_id)) is not None:
            return cached
        item = await self._find(item_id)
        await self._cache.put(item)
        return item

    async def page(self, *, limit: int, after: Cursor | None = None) -> Page:
        """The next `limit` items in the order of their creation."""
        # One more than asked for tells whether another page follows.
        items = tuple(await self._repository.page(limit=limit + 1, after=after))
        if len(items) <= limit:
            return Page(items, next=None)
        return Page(items[:limit], next=Cursor.at(items[limit - 1]))

    async def search(self, text: str, *, limit: int) -> tuple[Item, ...]:
        """The first `limit` items whose name contains the text, whatever its case."""
        return tuple(await self._repository.search(text, limit=limit))

    async def replace(self, item_id: UUID, draft: ItemDraft, *, accepted: AcceptedVersions) -> Item:
        """Change an item; raises ItemNotFoundError, VersionConflictError, ItemNameTakenError."""
        stored = await self._find_accepted(item_id, accepted)
        item = stored.changed(draft, now=self._now())
        await self._repository.replace(item, stored_version=stored.version)
        self._stored[item.id] = item
        return item

    async def remove(self, item_id: UUID, *, accepted: AcceptedVersions) -> None:
        """Remove an item; raises ItemNotFoundError, VersionConflictError."""
        stored = await self._find_accepted(item_id, accepted)
        await self._repository.remove(item_id, stored_version=stored.version)
        self._removed.add(item_id)

    async def publish(self) -> None:
        """Tell the cache what was committed: before that, a reader could see what is rolled back later."""
        for item in self._stored.values():
            await self._cache.put(item)
        for item_id in self._removed:
            await self._cache.remove(item_id)

    async def _find(self, item_id: UUID) -> Item:
        item = await self._repository.get(item_id)
        if item is None:
            raise ItemNotFoundError(item_id)
        return item

    async def _find_accepted(self, item_id: UUID, accepted: AcceptedVersions) -> Item:
        # Never from the cache: a copy that is late by a moment would refuse a rightful change.
        stored = await self._find(item_id)
        if stored.version not in accepted:
            raise VersionConflictError(item_id)
        return stored
