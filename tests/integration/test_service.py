"""The whole service over PostgreSQL and Redis."""

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import URL

from app.main import create_app
from app.settings import Settings
from service_client import client_of

LAMP = {"name": "lamp", "description": "bright", "price": "9.95"}


def lookups(metrics: str) -> dict[str, str]:
    """The results of lookups in the cache, and how often each was had."""
    return {
        line.split('"')[1]: line.rsplit(" ", 1)[1]
        for line in metrics.splitlines()
        if line.startswith("cache_lookups_total")
    }


async def test_is_ready_with_everything(client: httpx.AsyncClient) -> None:
    """Database, schema and cache are found, and found well."""
    response = await client.get("/ready")
    assert (response.status_code, response.json()["status"]) == (200, "ready")
    assert {name: check["health"] for name, check in response.json()["checks"].items()} == {
        "database": "up",
        "migrations": "up",
        "cache": "up",
    }


async def test_an_item_from_its_creation_to_its_end(client: httpx.AsyncClient) -> None:
    """Created, read, changed, listed, refused to who is late, deleted: each request commits its own change."""
    created = await client.post("/api/v1/items", json=LAMP)
    url = created.headers["Location"]
    assert (created.status_code, (await client.get(url)).json()) == (201, created.json())

    changed = await client.put(url, json=LAMP | {"price": "7.50"}, headers={"If-Match": created.headers["ETag"]})
    assert (changed.status_code, (await client.get(url)).json()) == (200, changed.json())
    assert (await client.get("/api/v1/items")).json() == {"items": [changed.json()], "next_cursor": None}

    late = await client.delete(url, headers={"If-Match": created.headers["ETag"]})
    assert (late.status_code, late.json()["type"]) == (412, "urn:problem:version-conflict")
    deleted = await client.delete(url, headers={"If-Match": changed.headers["ETag"]})
    assert (deleted.status_code, (await client.get(url)).status_code) == (204, 404)


async def test_reads_through_the_cache(client: httpx.AsyncClient) -> None:
    """What was written is read from the cache, and what the cache has lost is read from the database once."""
    url = (await client.post("/api/v1/items", json=LAMP)).headers["Location"]
    for _ in range(2):
        assert (await client.get(url)).status_code == 200
    assert lookups((await client.get("/metrics")).text) == {"hit": "2.0"}


async def test_a_refused_request_changes_nothing(client: httpx.AsyncClient) -> None:
    """A conflict is rolled back, in the database as in the cache."""
    url = (await client.post("/api/v1/items", json=LAMP)).headers["Location"]
    other = (await client.post("/api/v1/items", json=LAMP | {"name": "torch"})).headers["Location"]
    refused = await client.put(other, json=LAMP, headers={"If-Match": '"1"'})
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:problem:item-name-taken")
    names = [(await client.get(place)).json()["name"] for place in (url, other)]
    assert names == ["lamp", "torch"]


async def test_clients_are_limited_together(settings: Settings) -> None:
    """Two processes of the service share the quota of a client."""
    limited = settings.model_copy(update={"rate_limit_per_minute": 3})
    async with client_of(create_app(limited)) as one, client_of(create_app(limited)) as other:
        statuses = [(await client.get("/api/v1/items")).status_code for client in (one, other, one, other)]
    assert statuses == [200, 200, 200, 429]


async def test_a_schema_that_is_behind_is_not_served_from(settings: Settings, empty_database: URL) -> None:
    """Before its migrations have run the service is not ready, and says what to do."""
    empty = SecretStr(empty_database.render_as_string(hide_password=False))
    behind = settings.model_copy(update={"database_url": empty})
    async with client_of(create_app(behind)) as client:
        response = await client.get("/ready")
    assert (response.status_code, response.json()["checks"]["database"]["health"]) == (503, "up")
    assert "alembic upgrade head" in response.json()["detail"]


@pytest.mark.parametrize("enabled", [False, True], ids=["off", "on"])
async def test_search_is_there_when_its_flag_is_on(settings: Settings, enabled: bool) -> None:
    """The feature works on PostgreSQL before it is switched on for anyone."""
    flagged = settings.model_copy(update={"feature_item_search": enabled})
    async with client_of(create_app(flagged)) as client:
        response = await client.get("/api/v1/items/search", params={"q": "lamp"})
    assert response.status_code == (200 if enabled else 404)
