"""How Alembic reaches the database: one connection, one runner at a time, no waiting for a busy table."""

import asyncio
import sys
from contextlib import AsyncExitStack
from typing import Final

import asyncpg
from alembic import context
from sqlalchemy import Connection, pool, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from app.db.schema import Base
from app.observability.logs import configure_logging
from app.settings import SettingsError, load_database_settings

# Any number that no other lock of this database has.
_ONE_RUNNER_AT_A_TIME: Final = 7_246_351
_SECONDS_BETWEEN_ATTEMPTS: Final = 0.2
_LOCK_TIMEOUT: Final = "5s"


def url_of_environment() -> str:
    """The URL that DATABASE_URL has; ends the process where it has none that is usable."""
    try:
        configured = load_database_settings().database_url
    except SettingsError as error:
        sys.exit(str(error))
    if configured is None:
        sys.exit("DATABASE_URL is not set: migrations need a database, such as postgresql://user:password@host/name")
    return configured.get_secret_value()


def lock_timeout() -> str:
    """How long a statement waits for a lock before the migration gives up: `alembic -x lock_timeout=1s` changes it.

    A statement that waits for an exclusive lock holds up every request that comes after it.
    """
    return context.get_x_argument(as_dictionary=True).get("lock_timeout", _LOCK_TIMEOUT)


def run_offline() -> None:
    """Print the SQL instead of running it."""
    context.configure(dialect_name="postgresql", target_metadata=Base.metadata, literal_binds=True)
    with context.begin_transaction():
        context.execute(f"SET lock_timeout = '{lock_timeout()}'")
        context.run_migrations()


def run_on(connection: Connection) -> None:
    """Run the migrations in one transaction: all of them or none."""
    context.configure(connection=connection, target_metadata=Base.metadata)
    with context.begin_transaction():
        context.run_migrations()


async def wait_for_turn(connection: AsyncConnection) -> None:
    """Take the lock of the runners, which is this connection's until it closes.

    It asks again and again rather than wait inside a statement: a waiting statement has a snapshot, and an index that
    the other runner builds concurrently would wait for that, for ever.
    """
    attempt = text("SELECT pg_try_advisory_lock(:number)")
    while not await connection.scalar(attempt, {"number": _ONE_RUNNER_AT_A_TIME}):
        await connection.rollback()
        await asyncio.sleep(_SECONDS_BETWEEN_ATTEMPTS)
    await connection.rollback()


async def run_online(url: str) -> None:
    """Connect and run; ends the process where the database cannot be reached."""
    engine = create_async_engine(
        url,
        poolclass=pool.NullPool,
        connect_args={"server_settings": {"application_name": "migrations", "lock_timeout": lock_timeout()}},
    )
    async with AsyncExitStack() as stack:
        stack.push_async_callback(engine.dispose)
        try:
            connection = await stack.enter_async_context(engine.connect())
        except (OSError, DBAPIError, asyncpg.PostgresError) as error:
            sys.exit(f"the database cannot be reached: {str(error).splitlines()[0]}")
        await wait_for_turn(connection)
        await connection.run_sync(run_on)


if context.is_offline_mode():
    run_offline()
elif (url_of_program := context.config.get_main_option("sqlalchemy.url")) is not None:
    asyncio.run(run_online(url_of_program))
else:
    # The command line: nobody else has set up logging.
    url = url_of_environment()
    configure_logging("INFO")
    asyncio.run(run_online(url))
