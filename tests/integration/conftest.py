"""Integration tests: PostgreSQL and Redis as they are, a database per worker, every test undone at its end.

`service_urls` in tests/conftest.py says where the services are.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

import httpx
import pytest
from alembic import command
from alembic.config import Config
from pydantic import SecretStr
from redis.asyncio import Redis
from sqlalchemy import URL, make_url, pool, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from app.db.repository import postgres_items
from app.main import create_app
from app.observability.metrics import Metrics
from app.resources import Resources, open_resources
from app.settings import Settings
from service_client import client_of

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
# The number of databases that Redis has unless it is told otherwise.
REDIS_DATABASES = 16


class ServiceUrls(Protocol):
    """What `service_urls` gives."""

    database: str
    redis: str


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder, so that none can be forgotten."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.integration)


@pytest.fixture(scope="session")
def server_url(service_urls: ServiceUrls) -> URL:
    """A database of the server that is there already: from it the others are created."""
    return make_url(service_urls.database).set(drivername="postgresql+asyncpg")


@pytest.fixture(scope="session")
def new_database(server_url: URL) -> Iterator[Callable[[str], URL]]:
    """Create an empty database of this worker, by a suffix of its name; all are dropped at the end."""
    created: list[str] = []

    def create(suffix: str) -> URL:
        name = f"app_test_{WORKER}{suffix}"
        administer(server_url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', f'CREATE DATABASE "{name}"')
        created.append(name)
        return server_url.set(database=name)

    yield create
    administer(server_url, *(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)' for name in created))


def administer(url: URL, *statements: str) -> None:
    """Run statements that are allowed in no transaction."""

    async def run() -> None:
        engine = create_async_engine(url, poolclass=pool.NullPool, isolation_level="AUTOCOMMIT")
        async with engine.connect() as connection:
            for statement in statements:
                await connection.execute(text(statement))
        await engine.dispose()

    asyncio.run(run())


@pytest.fixture(scope="session")
def alembic_config() -> Callable[[URL], Config]:
    """The configuration of the repository, for a database of its own."""

    def configure(url: URL) -> Config:
        config = Config(ROOT / "alembic.ini")
        # A per cent sign begins an interpolation there.
        config.set_main_option("sqlalchemy.url", url.render_as_string(hide_password=False).replace("%", "%%"))
        return config

    return configure


@pytest.fixture(scope="session")
def database_url(new_database: Callable[[str], URL], alembic_config: Callable[[URL], Config]) -> URL:
    """The database of this worker, built by the migrations."""
    url = new_database("")
    command.upgrade(alembic_config(url), "head")
    return url


@pytest.fixture
def empty_database(new_database: Callable[[str], URL]) -> URL:
    """A database that no migration has seen."""
    return new_database("_empty")


@pytest.fixture
async def new_session(database_url: URL) -> AsyncIterator[Callable[[], AsyncSession]]:
    """Sessions within one transaction that is rolled back at the end: what they commit is undone with it."""
    engine = create_async_engine(database_url, poolclass=pool.NullPool)
    async with engine.connect() as connection:
        transaction = await connection.begin()
        yield partial(AsyncSession, connection, join_transaction_mode="create_savepoint", expire_on_commit=False)
        await transaction.rollback()
    await engine.dispose()


@pytest.fixture
async def redis_url(service_urls: ServiceUrls) -> AsyncIterator[str]:
    """The Redis database of this worker, empty before and after."""
    number = int(WORKER.removeprefix("gw")) % REDIS_DATABASES
    url = make_url(service_urls.redis).set(database=str(number)).render_as_string(hide_password=False)
    async with Redis.from_url(url) as redis:
        await redis.flushdb()
        yield url
        await redis.flushdb()


@pytest.fixture
def settings(database_url: URL, redis_url: str) -> Settings:
    """Settings of a service with everything."""
    return Settings(
        database_url=SecretStr(database_url.render_as_string(hide_password=False)), redis_url=SecretStr(redis_url)
    )


@pytest.fixture
async def client(settings: Settings, new_session: Callable[[], AsyncSession]) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service with everything, whose commits are undone at the end of the test."""

    @asynccontextmanager
    async def undone_at_the_end(settings: Settings, metrics: Metrics) -> AsyncIterator[Resources]:
        async with open_resources(settings, metrics) as resources:
            yield replace(resources, unit_of_work=partial(postgres_items, new_session))

    async with client_of(create_app(settings, open_resources=undone_at_the_end)) as client:
        yield client
