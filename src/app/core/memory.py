"""The ports kept in this process's memory: for development without services, and while Redis is down."""

from collections import Counter
from collections.abc import Sequence
from operator import attrgetter
from uuid import UUID

from app.core.errors import ItemNameTakenError, VersionConflictError
from app.core.items import Cursor, Item


class MemoryItemRepository:
    """Items that are gone with the process; every method is one step, so that none needs a transaction."""

    def __init__(self) -> None:
        self._items: dict[UUID, Item] = {}

    async def add(self, item: Item) -> None:
        self._refuse_taken_name(item)
        self._items[item.id] = item

    async def get(self, item_id: UUID) -> Item | None:
        return self._items.get(item_id)

    async def page(self, *, limit: int, after: Cursor | None) -> Sequence[Item]:
        items = self._in_order()
        if after is not None:
            place = (after.created_at, after.item_id)
            items = [item for item in items if (item.created_at, item.id) > place]
        return items[:limit]

    async def search(self, text: str, *, limit: int) -> Sequence[Item]:
        wanted = text.lower()
        return [item for item in self._in_order() if wanted in item.name.lower()][:limit]

    async def replace(self, item: Item, *, stored_version: int) -> None:
        self._refuse_other_version(item.id, stored_version)
        self._refuse_taken_name(item)
        self._items[item.id] = item

    async def remove(self, item_id: UUID, *, stored_version: int) -> None:
        self._refuse_other_version(item_id, stored_version)
        del self._items[item_id]

    def _in_order(self) -> list[Item]:
        return sorted(self._items.values(), key=attrgetter("created_at", "id"))

    def _refuse_taken_name(self, item: Item) -> None:
        if any(other.name == item.name and other.id != item.id for other in self._items.values()):
            raise ItemNameTakenError(item.name)

    def _refuse_other_version(self, item_id: UUID, version: int) -> None:
        stored = self._items.get(item_id)
        if stored is None or stored.version != version:
            raise VersionConflictError(item_id)


class NoItemCache:
    """A cache that remembers nothing."""

    async def get(self, item_id: UUID) -> Item | None:  # noqa: ARG002 - the port has it
        return None

    async def put(self, item: Item) -> None:
        """Forget it at once."""

    async def remove(self, item_id: UUID) -> None:
        """There is nothing to remove."""


class MemoryHitCounter:
    """Counts for this process alone; it holds one window, so that it cannot grow without end."""

    def __init__(self) -> None:
        self._window = 0
        self._hits: Counter[str] = Counter()

    async def hit(self, client: str, *, window: int) -> int:
        if window != self._window:
            self._window = window
            self._hits.clear()
        self._hits[client] += 1
        return self._hits[client]
