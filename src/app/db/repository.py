"""The item repository on PostgreSQL."""

import logging
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

import asyncpg
from sqlalchemy import Select, delete, insert, select, tuple_, update
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import ItemNameTakenError, StorageUnavailableError, VersionConflictError
from app.core.items import Cursor, Item
from app.core.ports import ItemRepository
from app.db.schema import ItemRow

# Columns, not rows: a session would answer a second read from its memory of the first.
_ITEMS: Final = select(
    ItemRow.id,
    ItemRow.name,
    ItemRow.description,
    ItemRow.price,
    ItemRow.version,
    ItemRow.created_at,
    ItemRow.updated_at,
)
_IN_ORDER: Final = _ITEMS.order_by(ItemRow.created_at, ItemRow.id)
_UNIQUE_NAME: Final = "uq_items_name"

# Classes of SQLSTATE: the connection is lost, the server is full, the server shuts down or cancels (also by a timeout).
_UNAVAILABLE_STATES: Final = frozenset({"08", "53", "57"})
_logger = logging.getLogger(__name__)


@asynccontextmanager
async def postgres_items(new_session: Callable[[], AsyncSession]) -> AsyncIterator[ItemRepository]:
    """One unit of work: everything is committed when the block ends well, and nothing when it raises.

    Raises StorageUnavailableError when the database cannot be reached, is full, shuts down, or takes too long.
    """
    try:
        async with new_session() as session, session.begin():
            yield PostgresItemRepository(session)
    except (DBAPIError, PoolTimeoutError, OSError, asyncpg.PostgresError) as error:
        if isinstance(error, DBAPIError) and not _says_unavailable(error):
            raise
        _logger.warning("the database is not available", extra={"reason": repr(error)})
        raise StorageUnavailableError from error


def _says_unavailable(error: DBAPIError) -> bool:
    """Whether the database is to blame, and not the statement."""
    if isinstance(error, InterfaceError | OperationalError):
        return True
    state = getattr(error.orig, "sqlstate", None) or ""
    return state[:2] in _UNAVAILABLE_STATES


class PostgresItemRepository:
    """Items in the table `items`, within the transaction of one session, which is not this class's to end."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, item: Item) -> None:
        with _unique_name(item):
            await self._session.execute(insert(ItemRow).values(**asdict(item)))

    async def get(self, item_id: UUID) -> Item | None:
        found = await self._read(_ITEMS.where(ItemRow.id == item_id))
        return found[0] if found else None

    async def page(self, *, limit: int, after: Cursor | None) -> Sequence[Item]:
        statement = _IN_ORDER.limit(limit)
        if after is not None:
            place = tuple_(ItemRow.created_at, ItemRow.id)
            statement = statement.where(place > (after.created_at, after.item_id))
        return await self._read(statement)

    async def search(self, text: str, *, limit: int) -> Sequence[Item]:
        return await self._read(_IN_ORDER.where(ItemRow.name.icontains(text, autoescape=True)).limit(limit))

    async def replace(self, item: Item, *, stored_version: int) -> None:
        # The version is compared by the statement that writes: of two writers at once, one finds no row.
        statement = (
            update(ItemRow)
            .where(ItemRow.id == item.id, ItemRow.version == stored_version)
            .values(**asdict(item))
            .returning(ItemRow.id)
            .execution_options(synchronize_session=False)
        )
        with _unique_name(item):
            changed = (await self._session.execute(statement)).scalar_one_or_none()
        if changed is None:
            raise VersionConflictError(item.id)

    async def remove(self, item_id: UUID, *, stored_version: int) -> None:
        statement = (
            delete(ItemRow)
            .where(ItemRow.id == item_id, ItemRow.version == stored_version)
            .returning(ItemRow.id)
            .execution_options(synchronize_session=False)
        )
        if (await self._session.execute(statement)).scalar_one_or_none() is None:
            raise VersionConflictError(item_id)

    async def _read(self, statement: Select[UUID, str, str, Decimal, int, datetime, datetime]) -> list[Item]:
        return [Item(*row) for row in await self._session.execute(statement)]


@contextmanager
def _unique_name(item: Item) -> Iterator[None]:
    """Tell of a name that is taken as the core does; any other violation stays what it is."""
    try:
        yield
    except IntegrityError as error:
        if _UNIQUE_NAME in str(error.orig):
            raise ItemNameTakenError(item.name) from error
        raise
