"""What the tests of checks for vulnerabilities share: the client's connection, and an OSV service on the engine."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import dagger
import pytest
import pytest_asyncio
from dagger import dag

from ci import images, sources
from ci.audit import Advisories

ROOT = Path(__file__).parents[3]
SERVICE = (ROOT / "tests/support/osv_service.py").read_text()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def connection(engine_session: None) -> AsyncIterator[None]:
    """The functions' client, connected to an engine."""
    async with dagger.connection():
        yield


@pytest.fixture
def source(connection: None) -> dagger.Directory:
    """This repository as the module sees it."""
    return dag.host().directory(str(ROOT), exclude=sources.IGNORED)


@pytest.fixture
def advisories(connection: None) -> Callable[..., Advisories]:
    """Makes an OSV service that knows the given advisories."""

    def service(*known: dict[str, Any]) -> Advisories:
        running = (
            dag.container()
            .from_(images.PYTHON)
            .with_new_file("/osv/service.py", SERVICE)
            .with_new_file("/osv/advisories.json", json.dumps(known))
            .with_exposed_port(8080)
            .as_service(args=["python", "/osv/service.py", "8080", "/osv/advisories.json"])
        )
        return Advisories("http://osv:8080", lambda container: container.with_service_binding("osv", running))

    return service
