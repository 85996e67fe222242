"""The rules of items, and what the cache is told of them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from uuid import UUID, uuid4

import pytest

from app.core.errors import ItemNameTakenError, ItemNotFoundError, VersionConflictError
from app.core.item_service import ItemService, utc_now
from app.core.items import AcceptedVersions, Cursor, Item, ItemDraft
from app.core.memory import MemoryItemRepository

ANY = AcceptedVersions(None)
START = datetime(2025, 1, 1, tzinfo=UTC)


class ItemCacheFake:
    """A cache with its content in plain sight."""

    def __init__(self) -> None:
        self.items: dict[UUID, Item] = {}
        self.removed: list[UUID] = []

    async def get(self, item_id: UUID) -> Item | None:
        """Look into the content."""
        return self.items.get(item_id)

    async def put(self, item: Item) -> None:
        """Add to the content."""
        self.items[item.id] = item

    async def remove(self, item_id: UUID) -> None:
        """Take from the content, and note it."""
        self.items.pop(item_id, None)
        self.removed.append(item_id)


@pytest.fixture
def cache() -> ItemCacheFake:
    """An empty cache."""
    return ItemCacheFake()


@pytest.fixture
def repository() -> MemoryItemRepository:
    """An empty repository."""
    return MemoryItemRepository()


@pytest.fixture
def service(repository: MemoryItemRepository, cache: ItemCacheFake) -> ItemService:
    """A service whose clock moves on a minute with each look at it."""
    minutes: Iterator[int] = count()
    return ItemService(repository, cache, now=lambda: START + timedelta(minutes=next(minutes)))


def draft(name: str = "lamp") -> ItemDraft:
    """A draft of an item."""
    return ItemDraft(name=name, description="bright", price=Decimal("9.95"))


async def test_creates_the_first_version(service: ItemService) -> None:
    """A new item has version 1, and the time of its creation."""
    item = await service.create(draft())
    assert (item.name, item.version, item.created_at, item.updated_at) == ("lamp", 1, START, START)
    assert await service.get(item.id) == item


async def test_an_unknown_item_is_an_error(service: ItemService) -> None:
    """Reading, replacing or removing what is not there raises, and names the id."""
    item_id = uuid4()
    with pytest.raises(ItemNotFoundError, match=str(item_id)) as raised:
        await service.get(item_id)
    assert raised.value.item_id == item_id
    with pytest.raises(ItemNotFoundError):
        await service.replace(item_id, draft(), accepted=ANY)
    with pytest.raises(ItemNotFoundError):
        await service.remove(item_id, accepted=ANY)


async def test_replaces_an_accepted_version(service: ItemService) -> None:
    """A change of a version that the client has seen is stored as the next one."""
    item = await service.create(draft("lamp"))
    changed = await service.replace(item.id, draft("torch"), accepted=AcceptedVersions.of([1]))
    assert (changed.name, changed.version, changed.updated_at) == ("torch", 2, START + timedelta(minutes=1))


async def test_refuses_versions_that_are_not_accepted(service: ItemService, repository: MemoryItemRepository) -> None:
    """A change of a version that the client has not seen is refused and stores nothing."""
    item = await service.create(draft("lamp"))
    with pytest.raises(VersionConflictError):
        await service.replace(item.id, draft("torch"), accepted=AcceptedVersions.of([2]))
    with pytest.raises(VersionConflictError):
        await service.remove(item.id, accepted=AcceptedVersions.of([]))
    assert await repository.get(item.id) == item


async def test_a_taken_name_is_an_error(service: ItemService) -> None:
    """Names are unique, and the error says which one is taken."""
    await service.create(draft("lamp"))
    with pytest.raises(ItemNameTakenError, match="lamp"):
        await service.create(draft("lamp"))


async def test_pages_end_without_a_cursor(service: ItemService) -> None:
    """A page that is followed by another names its last item; the last page names none, even when it is full."""
    created = [await service.create(draft(f"item {number}")) for number in range(4)]
    first = await service.page(limit=2)
    assert (first.items, first.next) == (tuple(created[:2]), Cursor.at(created[1]))
    second = await service.page(limit=2, after=first.next)
    assert (second.items, second.next) == (tuple(created[2:]), None)


async def test_searches_names(service: ItemService) -> None:
    """A search gives the items whose name contains the text."""
    lamp = await service.create(draft("Desk lamp"))
    await service.create(draft("chair"))
    assert await service.search("lamp", limit=5) == (lamp,)


async def test_reads_through_the_cache(
    service: ItemService, cache: ItemCacheFake, repository: MemoryItemRepository
) -> None:
    """The first read fills the cache, the next one does without the repository."""
    item = await service.create(draft())
    assert await service.get(item.id) == item
    assert cache.items == {item.id: item}
    await repository.remove(item.id, stored_version=1)
    assert await service.get(item.id) == item


async def test_the_cache_learns_of_changes_only_when_they_are_published(
    service: ItemService, cache: ItemCacheFake
) -> None:
    """Until the unit of work is committed the cache knows nothing of it, for it may be rolled back."""
    kept, gone = await service.create(draft("kept")), await service.create(draft("gone"))
    changed = await service.replace(kept.id, draft("changed"), accepted=ANY)
    await service.remove(gone.id, accepted=ANY)
    assert (cache.items, cache.removed) == ({}, [])
    await service.publish()
    assert cache.items == {kept.id: changed}
    assert cache.removed == [gone.id]


async def test_a_late_copy_refuses_no_rightful_change(service: ItemService, cache: ItemCacheFake) -> None:
    """A change compares versions with the repository, never with the cache."""
    item = await service.create(draft("lamp"))
    await service.replace(item.id, draft("torch"), accepted=ANY)
    await cache.put(item)
    changed = await service.replace(item.id, draft("lantern"), accepted=AcceptedVersions.of([2]))
    assert changed.version == 3


def test_times_have_a_zone() -> None:
    """The clock of the service gives the time in UTC."""
    assert utc_now().tzinfo is UTC
