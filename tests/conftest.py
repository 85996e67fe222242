"""What all tests share; imports nothing of the projects, since each is tested without the others."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec

import pytest

pytest.register_assert_rewrite("item_contract")


@dataclass(frozen=True)
class ServiceUrls:
    """Where PostgreSQL and Redis are; a test database is created beside the one that is named."""

    database: str
    redis: str


@pytest.fixture(scope="session")
def service_urls() -> Iterator[ServiceUrls]:
    """The one place that decides where integration tests find their services.

    Where DATABASE_URL and REDIS_URL say (in a stage of the pipeline, for instance), else on the embedded engine.
    """
    missing = [name for name in ("DATABASE_URL", "REDIS_URL") if not os.environ.get(name)]
    if not missing:
        yield ServiceUrls(database=os.environ["DATABASE_URL"], redis=os.environ["REDIS_URL"])
    elif find_spec("embedded_engine") is None:
        pytest.fail(
            f"integration tests need {' and '.join(missing)}; without services run: pytest -m 'not integration'",
            pytrace=False,
        )
    else:
        from embedded_services import embedded_services

        with embedded_services() as (database, redis):
            yield ServiceUrls(database=database, redis=redis)
