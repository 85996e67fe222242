"""What the core asks of the world: a place for items, a cache of them, a count of requests."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from app.core.items import Cursor, Item


class ItemRepository(Protocol):
    """The items, seen from inside one unit of work; when a method raises, the unit of work is over."""

    async def add(self, item: Item) -> None:
        """Store a new item; raises ItemNameTakenError."""
        ...

    async def get(self, item_id: UUID) -> Item | None:
        """Find an item."""
        ...

    async def page(self, *, limit: int, after: Cursor | None) -> Sequence[Item]:
        """At most `limit` items in the order of their creation, from the one that follows the cursor."""
        ...

    async def search(self, text: str, *, limit: int) -> Sequence[Item]:
        """At most `limit` items whose name contains the text, whatever its case, in the order of their creation."""
        ...

    async def replace(self, item: Item, *, stored_version: int) -> None:
        """Store a changed item; raises ItemNameTakenError, and VersionConflictError if another version is stored."""
        ...

    async def remove(self, item_id: UUID, *, stored_version: int) -> None:
        """Remove an item; raises VersionConflictError if another version (or none) is stored."""
        ...


class ItemCache(Protocol):
    """Copies of committed items; it may forget at any time, and a failure of it is never the caller's."""

    async def get(self, item_id: UUID) -> Item | None:
        """Find a copy."""
        ...

    async def put(self, item: Item) -> None:
        """Keep a copy, unless a newer version is known."""
        ...

    async def remove(self, item_id: UUID) -> None:
        """Drop the copy, and refuse late copies of what is gone."""
        ...


class HitCounter(Protocol):
    """Counts the requests of a client in a window of time."""

    async def hit(self, client: str, *, window: int) -> int:
        """Count one more in this window (a number that grows with time) and tell how many there are."""
        ...
