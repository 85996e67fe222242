"""What every item repository keeps, whatever it stores items in."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from app.core.errors import ItemNameTakenError, VersionConflictError
from app.core.items import Cursor, Item, ItemDraft
from app.core.ports import ItemRepository

UnitOfWork = Callable[[], AbstractAsyncContextManager[ItemRepository]]
NOON = datetime(2025, 1, 1, 12, tzinfo=UTC)


def an_item(name: str = "lamp", *, price: str = "9.95", minutes: int = 0, item_id: UUID | None = None) -> Item:
    """An item that was created so many minutes after noon."""
    draft = ItemDraft(name=name, description="", price=Decimal(price))
    return Item.create(draft, item_id=item_id or uuid4(), now=NOON + timedelta(minutes=minutes))


def renamed(item: Item, name: str) -> Item:
    """The next version of an item, under another name."""
    draft = ItemDraft(name=name, description=item.description, price=item.price)
    return item.changed(draft, now=item.updated_at + timedelta(minutes=1))


class ItemRepositoryContract:
    """Each step is a unit of work of its own, as each request is."""

    @pytest.fixture
    def unit_of_work(self) -> UnitOfWork:
        """Give the repository under test."""
        raise NotImplementedError

    async def test_gives_back_what_was_added(self, unit_of_work: UnitOfWork) -> None:
        """An item that was added is found, equal in every field."""
        item = an_item()
        async with unit_of_work() as items:
            await items.add(item)
        async with unit_of_work() as items:
            assert await items.get(item.id) == item

    async def test_finds_nothing_under_an_unknown_id(self, unit_of_work: UnitOfWork) -> None:
        """There is None where no item is."""
        async with unit_of_work() as items:
            assert await items.get(uuid4()) is None

    async def test_refuses_a_name_twice(self, unit_of_work: UnitOfWork) -> None:
        """A second item of the same name is refused, and the first one stays."""
        first = an_item("lamp")
        async with unit_of_work() as items:
            await items.add(first)
        with pytest.raises(ItemNameTakenError):
            async with unit_of_work() as items:
                await items.add(an_item("lamp"))
        async with unit_of_work() as items:
            assert list(await items.page(limit=10, after=None)) == [first]

    async def test_replaces_the_version_that_was_read(self, unit_of_work: UnitOfWork) -> None:
        """A change of the stored version is stored."""
        item = an_item()
        changed = renamed(item, "torch")
        async with unit_of_work() as items:
            await items.add(item)
        async with unit_of_work() as items:
            await items.replace(changed, stored_version=item.version)
        async with unit_of_work() as items:
            assert await items.get(item.id) == changed

    async def test_a_change_in_one_unit_of_work_is_seen_in_it(self, unit_of_work: UnitOfWork) -> None:
        """What was read before a change is not read again after it."""
        item = an_item()
        changed = renamed(item, "torch")
        async with unit_of_work() as items:
            await items.add(item)
            assert await items.get(item.id) == item
            await items.replace(changed, stored_version=item.version)
            assert await items.get(item.id) == changed

    async def test_refuses_to_replace_another_version(self, unit_of_work: UnitOfWork) -> None:
        """A change of a version that is no longer stored is refused and changes nothing."""
        item = an_item()
        changed = renamed(item, "torch")
        async with unit_of_work() as items:
            await items.add(item)
        async with unit_of_work() as items:
            await items.replace(changed, stored_version=item.version)
        with pytest.raises(VersionConflictError):
            async with unit_of_work() as items:
                await items.replace(renamed(item, "lantern"), stored_version=item.version)
        async with unit_of_work() as items:
            assert await items.get(item.id) == changed

    async def test_refuses_to_replace_what_is_gone(self, unit_of_work: UnitOfWork) -> None:
        """A change of an item that was removed is a conflict too: it was there when it was read."""
        item = an_item()
        with pytest.raises(VersionConflictError):
            async with unit_of_work() as items:
                await items.replace(renamed(item, "torch"), stored_version=item.version)

    async def test_refuses_a_change_to_a_taken_name(self, unit_of_work: UnitOfWork) -> None:
        """An item cannot take another one's name, and may keep its own."""
        lamp, torch = an_item("lamp"), an_item("torch")
        async with unit_of_work() as items:
            await items.add(lamp)
            await items.add(torch)
        with pytest.raises(ItemNameTakenError):
            async with unit_of_work() as items:
                await items.replace(renamed(torch, "lamp"), stored_version=1)
        async with unit_of_work() as items:
            await items.replace(renamed(torch, "torch"), stored_version=1)

    async def test_removes_the_version_that_was_read(self, unit_of_work: UnitOfWork) -> None:
        """An item that was removed is gone, and its name is free."""
        item = an_item("lamp")
        async with unit_of_work() as items:
            await items.add(item)
        async with unit_of_work() as items:
            await items.remove(item.id, stored_version=item.version)
        async with unit_of_work() as items:
            assert await items.get(item.id) is None
            await items.add(an_item("lamp"))

    async def test_refuses_to_remove_another_version(self, unit_of_work: UnitOfWork) -> None:
        """Neither an old version nor an item that is gone can be removed."""
        item = an_item()
        async with unit_of_work() as items:
            await items.add(item)
        for item_id, version in ((item.id, 2), (uuid4(), 1)):
            with pytest.raises(VersionConflictError):
                async with unit_of_work() as items:
                    await items.remove(item_id, stored_version=version)
        async with unit_of_work() as items:
            assert await items.get(item.id) == item

    async def test_pages_follow_the_order_of_creation(self, unit_of_work: UnitOfWork) -> None:
        """Pages hold every item once, by time of creation and, within one moment, by id."""
        same_moment = [an_item(f"twin {number}", minutes=1, item_id=UUID(int=number)) for number in (1, 2, 3)]
        expected = [an_item("first", minutes=0), *same_moment, an_item("last", minutes=2)]
        async with unit_of_work() as items:
            for item in reversed(expected):
                await items.add(item)

        seen: list[Item] = []
        cursor: Cursor | None = None
        async with unit_of_work() as items:
            while page := await items.page(limit=2, after=cursor):
                seen.extend(page)
                cursor = Cursor.at(page[-1])
        assert seen == expected

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            pytest.param("LAMP", ["Desk lamp", "lamp 100%"], id="any case"),
            pytest.param("%", ["lamp 100%"], id="a per cent sign is no wildcard"),
            pytest.param("_", [], id="nor is an underscore"),
            pytest.param("chair", [], id="nothing found"),
        ],
    )
    async def test_search_finds_parts_of_names(self, unit_of_work: UnitOfWork, text: str, found: list[str]) -> None:
        """A search takes its text literally, but for its case."""
        async with unit_of_work() as items:
            for minutes, name in enumerate(("Desk lamp", "lamp 100%", "torch")):
                await items.add(an_item(name, minutes=minutes))
        async with unit_of_work() as items:
            assert [item.name for item in await items.search(text, limit=10)] == found
            assert [item.name for item in await items.search(text, limit=1)] == found[:1]
