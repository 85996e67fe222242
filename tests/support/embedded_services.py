"""PostgreSQL and Redis for a test run on this machine: the pipeline's own services, on the embedded engine."""

from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import dagger
import pytest
from dagger import dag

from ci import services
from embedded_session import embedded_session

_NAME = "tests"


@contextmanager
def embedded_services() -> Iterator[tuple[str, str]]:
    """Start both and give their URLs on loopback; they end with the block."""
    with embedded_session() as variables, pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        database, cache = anyio.run(_start)
        yield database, cache


async def _start() -> tuple[str, str]:
    async with await dagger.connect():
        database = await dag.host().tunnel(services.postgres(_NAME, "")).start()
        cache = await dag.host().tunnel(services.redis(_NAME, "")).start()
        return services.database_url(_NAME, await database.endpoint()), f"redis://{await cache.endpoint()}/0"
