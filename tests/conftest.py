"""What all tests share; imports nothing of the projects, since each is tested without the others."""

import os
from dataclasses import dataclass

import pytest

pytest.register_assert_rewrite("item_contract")


@dataclass(frozen=True)
class ServiceUrls:
    """Where PostgreSQL and Redis are; a test database is created beside the one that is named."""

    database: str
    redis: str


@pytest.fixture(scope="session")
def service_urls() -> ServiceUrls:
    """The one place that decides where integration tests find their services: DATABASE_URL and REDIS_URL.

    Whatever starts services for a run (a container, a stage of the pipeline) sets both or replaces this fixture.
    """
    missing = [name for name in ("DATABASE_URL", "REDIS_URL") if not os.environ.get(name)]
    if missing:
        pytest.fail(
            f"integration tests need {' and '.join(missing)}; without services run: pytest -m 'not integration'",
            pytrace=False,
        )
    return ServiceUrls(database=os.environ["DATABASE_URL"], redis=os.environ["REDIS_URL"])
