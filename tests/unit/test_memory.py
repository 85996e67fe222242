"""The ports in memory."""

from contextlib import nullcontext

import pytest

from app.core.memory import MemoryHitCounter, MemoryItemRepository, NoItemCache
from item_contract import ItemRepositoryContract, UnitOfWork, an_item


class TestMemoryItemRepository(ItemRepositoryContract):
    """The contract, kept in memory."""

    @pytest.fixture
    def unit_of_work(self) -> UnitOfWork:
        """One repository for all units of work of a test."""
        repository = MemoryItemRepository()
        return lambda: nullcontext(repository)


async def test_no_cache_remembers_nothing() -> None:
    """The cache that is none forgets at once, and takes a removal."""
    cache, item = NoItemCache(), an_item()
    await cache.put(item)
    assert await cache.get(item.id) is None
    await cache.remove(item.id)


async def test_hits_are_counted_per_client_and_window() -> None:
    """A client's count starts anew with each window, and is its own."""
    counter = MemoryHitCounter()
    assert [await counter.hit("a", window=1) for _ in range(2)] == [1, 2]
    assert await counter.hit("b", window=1) == 1
    assert await counter.hit("a", window=2) == 1
