"""The migrations on a real server."""

import argparse
import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import URL, pool, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from app.migrations.status import Migrations, SchemaStatus

ROOT = Path(__file__).parents[2]
NAMES_OF = {
    "tables": "SELECT tablename FROM pg_tables WHERE schemaname = 'public'",
    "constraints": "SELECT conname FROM pg_constraint WHERE conrelid = 'items'::regclass",
    "indexes": "SELECT indexname FROM pg_indexes WHERE tablename = 'items'",
}


@pytest.fixture
def config(alembic_config: Callable[[URL], Config], empty_database: URL) -> Config:
    """The repository's configuration, for that database."""
    return alembic_config(empty_database)


def names(database: URL, query: str) -> set[str]:
    """What a query of names gives."""

    async def run() -> Iterable[str]:
        engine = create_async_engine(database, poolclass=pool.NullPool)
        async with engine.connect() as connection:
            found = (await connection.scalars(text(query))).all()
        await engine.dispose()
        return found

    return set(asyncio.run(run()))


def status(database: URL) -> SchemaStatus:
    """How the database stands against this release."""

    async def run() -> SchemaStatus:
        engine = create_async_engine(database, poolclass=pool.NullPool)
        async with engine.connect() as connection:
            found = await connection.run_sync(Migrations.of_this_release().status)
        await engine.dispose()
        return found

    return asyncio.run(run())


def test_up_and_down_and_up_again(config: Config, empty_database: URL) -> None:
    """Every migration can be undone and done again, and undoing leaves no table behind."""
    command.upgrade(config, "head")
    assert names(empty_database, NAMES_OF["tables"]) == {"alembic_version", "items"}
    assert status(empty_database) is SchemaStatus.CURRENT
    command.downgrade(config, "base")
    assert names(empty_database, NAMES_OF["tables"]) == {"alembic_version"}
    assert status(empty_database) is SchemaStatus.BEHIND
    command.upgrade(config, "head")
    assert names(empty_database, NAMES_OF["tables"]) == {"alembic_version", "items"}


def test_models_and_schema_agree(config: Config) -> None:
    """What the migrations build is what the models say: there is nothing left to generate."""
    command.upgrade(config, "head")
    command.check(config)


def test_constraints_are_named_by_convention(config: Config, empty_database: URL) -> None:
    """A later migration can name what it changes."""
    command.upgrade(config, "head")
    expected = {"pk_items", "uq_items_name", "ck_items_price_not_negative", "ck_items_version_positive"}
    # Newer servers keep the NOT NULLs there too, under names of their own.
    constraints = {name for name in names(empty_database, NAMES_OF["constraints"]) if not name.endswith("_not_null")}
    assert constraints == expected
    assert names(empty_database, NAMES_OF["indexes"]) == {"pk_items", "uq_items_name", "ix_items_created_at_id"}


def test_a_busy_table_stops_the_migration(config: Config, empty_database: URL) -> None:
    """A migration gives up on a table that is locked, rather than hold up all requests behind it."""
    command.upgrade(config, "head")
    config.cmd_opts = argparse.Namespace(x=["lock_timeout=50ms"])

    async def downgrade_while_locked() -> None:
        engine = create_async_engine(empty_database, poolclass=pool.NullPool)
        async with engine.begin() as connection:
            await connection.execute(text("LOCK TABLE items IN ACCESS SHARE MODE"))
            with pytest.raises(DBAPIError, match="lock timeout"):
                await asyncio.to_thread(command.downgrade, config, "base")
        await engine.dispose()

    asyncio.run(downgrade_while_locked())
    assert names(empty_database, NAMES_OF["tables"]) == {"alembic_version", "items"}


def test_two_runners_take_turns(empty_database: URL) -> None:
    """Two deployments that migrate at the same moment both end well, from the command line as in the image."""
    environment = os.environ | {
        "DATABASE_URL": empty_database.set(drivername="postgresql").render_as_string(hide_password=False),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    upgrade = [sys.executable, "-m", "alembic", "upgrade", "head"]
    runners = [
        subprocess.Popen(
            upgrade, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for _ in range(2)
    ]
    outputs = [runner.communicate(timeout=300)[0] for runner in runners]
    assert [runner.returncode for runner in runners] == [0, 0], "\n".join(outputs)
    assert names(empty_database, NAMES_OF["tables"]) == {"alembic_version", "items"}
