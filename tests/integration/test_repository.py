"""The item repository on PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial

import pytest
from sqlalchemy import URL, delete, insert, pool
from sqlalchemy.exc import IntegrityError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from app.core.errors import ItemNameTakenError, StorageUnavailableError, VersionConflictError
from app.db.engine import create_engine, session_factory
from app.db.repository import postgres_items
from app.db.schema import ItemRow
from item_contract import ItemRepositoryContract, UnitOfWork, an_item, renamed


class TestPostgresItemRepository(ItemRepositoryContract):
    """The contract, kept in PostgreSQL."""

    @pytest.fixture
    def unit_of_work(self, new_session: Callable[[], AsyncSession]) -> UnitOfWork:
        """A session for each unit of work."""
        return partial(postgres_items, new_session)

    async def test_what_raises_is_rolled_back_whole(self, unit_of_work: UnitOfWork) -> None:
        """A unit of work that ends in an error stores none of its changes."""
        item = an_item()

        async def add_and_fail() -> None:
            async with unit_of_work() as items:
                await items.add(item)
                raise RuntimeError("broken")

        with pytest.raises(RuntimeError):
            await add_and_fail()
        async with unit_of_work() as items:
            assert await items.get(item.id) is None


async def test_the_database_refuses_what_no_item_may_be(new_session: Callable[[], AsyncSession]) -> None:
    """The constraints hold against whoever writes past the service."""
    values = {
        name: getattr(an_item(), name)
        for name in ("id", "name", "description", "price", "version", "created_at", "updated_at")
    }
    for wrong, constraint in (
        ({"price": -1}, "ck_items_price_not_negative"),
        ({"version": 0}, "ck_items_version_positive"),
    ):
        async with new_session() as session:
            with pytest.raises(IntegrityError, match=constraint):
                await session.execute(insert(ItemRow).values(values | wrong))


class TestTwoAtOnce:
    """What two requests do at the same time, on connections and with commits of their own."""

    @pytest.fixture
    async def unit_of_work(self, database_url: URL) -> AsyncIterator[UnitOfWork]:
        """Units of work on the service's own engine; what they commit is deleted here."""
        engine = create_engine(database_url.render_as_string(hide_password=False), pool_size=2)
        yield partial(postgres_items, session_factory(engine))
        async with engine.begin() as connection:
            await connection.execute(delete(ItemRow))
        await engine.dispose()

    async def test_of_two_changes_of_one_version_one_is_stored(self, unit_of_work: UnitOfWork) -> None:
        """The other one waits for the first, sees that it came too late, and is told so."""
        item = an_item("lamp")
        async with unit_of_work() as items:
            await items.add(item)

        async def change(name: str) -> None:
            async with unit_of_work() as items:
                await items.get(item.id)
                await items.replace(renamed(item, name), stored_version=1)

        results = await asyncio.gather(change("torch"), change("lantern"), return_exceptions=True)
        assert [type(result) for result in results if result is not None] == [VersionConflictError]

    async def test_of_two_items_of_one_name_one_is_stored(self, unit_of_work: UnitOfWork) -> None:
        """The database decides which of them was first."""

        async def add() -> None:
            async with unit_of_work() as items:
                await items.add(an_item("lamp"))

        results = await asyncio.gather(add(), add(), return_exceptions=True)
        assert [type(result) for result in results if result is not None] == [ItemNameTakenError]

    async def test_a_statement_that_is_cancelled_says_that_the_storage_is_unavailable(
        self, unit_of_work: UnitOfWork, database_url: URL
    ) -> None:
        """A request that waits too long for another one ends, and is told to come again."""
        impatient = create_async_engine(
            database_url, poolclass=pool.NullPool, connect_args={"server_settings": {"statement_timeout": "50ms"}}
        )
        item = an_item("lamp")
        async with unit_of_work() as items:
            await items.add(item)
        async with unit_of_work() as items:
            await items.replace(renamed(item, "torch"), stored_version=1)
            with pytest.raises(StorageUnavailableError):
                async with postgres_items(session_factory(impatient)) as late:
                    await late.replace(renamed(item, "lantern"), stored_version=1)
        await impatient.dispose()

    async def test_an_error_of_the_code_stays_what_it_is(self, database_url: URL) -> None:
        """A statement that the database does not understand is a fault, and not the database's."""
        engine = create_async_engine(database_url, poolclass=pool.NullPool)

        def session_elsewhere() -> AsyncSession:
            return AsyncSession(engine.execution_options(schema_translate_map={None: "nowhere"}))

        with pytest.raises(ProgrammingError):
            async with postgres_items(session_elsewhere) as items:
                await items.get(an_item().id)
        await engine.dispose()
