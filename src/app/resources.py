"""What a process opens at its start, shares among its requests, and closes at its end."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.cache.guard import RedisGuard, create_redis
from app.cache.hits import RedisHitCounter
from app.cache.items import RedisItemCache
from app.core.memory import MemoryHitCounter, MemoryItemRepository, NoItemCache
from app.core.ports import HitCounter, ItemCache, ItemRepository
from app.core.rate_limit import Quota, RateLimiter
from app.core.readiness import Dependency, NotUpError
from app.db.engine import create_engine, session_factory
from app.db.repository import postgres_items
from app.migrations.status import Migrations, SchemaStatus
from app.observability.metrics import Metrics
from app.settings import Settings

# What is done within it is committed when it ends well, and undone when it raises.
UnitOfWork: TypeAlias = Callable[[], AbstractAsyncContextManager[ItemRepository]]


@dataclass(frozen=True, slots=True)
class Storage:
    """Where the items are."""

    unit_of_work: UnitOfWork
    dependencies: tuple[Dependency, ...]


@dataclass(frozen=True, slots=True)
class Caching:
    """Where copies and counts are."""

    items: ItemCache
    hits: HitCounter
    dependencies: tuple[Dependency, ...]


@dataclass(frozen=True, slots=True)
class Resources:
    """Everything that requests share."""

    unit_of_work: UnitOfWork
    cache: ItemCache
    rate_limiter: RateLimiter | None
    dependencies: tuple[Dependency, ...]


@asynccontextmanager
async def open_resources(settings: Settings, metrics: Metrics) -> AsyncIterator[Resources]:
    """Open what the settings name. Nothing is connected to before it is used: a start waits for no other service."""
    quota = Quota(settings.rate_limit_per_minute)
    async with _open_storage(settings) as storage, _open_caching(settings, quota, metrics) as caching:
        yield Resources(
            unit_of_work=storage.unit_of_work,
            cache=caching.items,
            rate_limiter=RateLimiter(quota, caching.hits) if quota.requests else None,
            dependencies=storage.dependencies + caching.dependencies,
        )


@asynccontextmanager
async def _open_storage(settings: Settings) -> AsyncIterator[Storage]:
    if settings.database_url is None:
        repository = MemoryItemRepository()
        yield Storage(
            unit_of_work=lambda: nullcontext(repository),
            dependencies=(Dependency("database", True, None), Dependency("migrations", True, None)),
        )
        return
    engine = create_engine(settings.database_url.get_secret_value(), pool_size=settings.database_pool_size)
    try:
        yield Storage(
            unit_of_work=partial(postgres_items, session_factory(engine)),
            dependencies=(
                Dependency("database", True, partial(_check_database, engine)),
                Dependency("migrations", True, partial(_check_migrations, engine, Migrations.of_this_release())),
            ),
        )
    finally:
        await engine.dispose()


@asynccontextmanager
async def _open_caching(settings: Settings, quota: Quota, metrics: Metrics) -> AsyncIterator[Caching]:
    own_hits = MemoryHitCounter()
    if settings.redis_url is None:
        yield Caching(NoItemCache(), own_hits, dependencies=(Dependency("cache", False, None),))
        return
    guard = RedisGuard(create_redis(settings.redis_url.get_secret_value()))
    try:
        yield Caching(
            items=RedisItemCache(guard, seconds=settings.cache_seconds, observe=metrics.cache_lookup),
            hits=RedisHitCounter(guard, window_seconds=quota.seconds, fallback=own_hits),
            # The service serves without Redis, so that its loss must not take every process out of service.
            dependencies=(Dependency("cache", False, guard.ping),),
        )
    finally:
        await guard.aclose()


async def _check_database(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))


async def _check_migrations(engine: AsyncEngine, migrations: Migrations) -> None:
    async with engine.connect() as connection:
        status = await connection.run_sync(migrations.status)
    if status is SchemaStatus.BEHIND:
        raise NotUpError("the schema is behind this release: run `alembic upgrade head`")
