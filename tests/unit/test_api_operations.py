"""/health, /ready and /metrics over HTTP, with services that are not there."""

import socket
from collections.abc import Iterator

import httpx
import pytest
from pydantic import SecretStr

from app.main import create_app
from app.settings import Settings
from service_client import client_of


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that nothing listens on, and that nobody else can take meanwhile."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield reserved.getsockname()[1]


@pytest.fixture
def without_redis(closed_port: int) -> Settings:
    """Settings that name a Redis that is down."""
    return Settings(redis_url=SecretStr(f"redis://127.0.0.1:{closed_port}/0"), rate_limit_per_minute=5)


@pytest.fixture
def without_database(closed_port: int) -> Settings:
    """Settings that name a database that is down."""
    return Settings(database_url=SecretStr(f"postgresql://user:secret-password@127.0.0.1:{closed_port}/items"))


async def test_ready_without_any_service(client: httpx.AsyncClient) -> None:
    """In development nothing is configured, and nothing is missing."""
    response = await client.get("/ready")
    assert (response.status_code, response.json()) == (
        200,
        {
            "status": "ready",
            "checks": {
                "database": {"health": "off", "required": True},
                "migrations": {"health": "off", "required": True},
                "cache": {"health": "off", "required": False},
            },
        },
    )


async def test_a_lost_cache_degrades_the_service(without_redis: Settings) -> None:
    """Without Redis items are served, and /ready says what is down while it keeps the service in traffic."""
    async with client_of(create_app(without_redis)) as client:
        created = await client.post("/api/v1/items", json={"name": "lamp", "price": "1"})
        read = await client.get(created.headers["Location"])
        ready = await client.get("/ready")
    assert (created.status_code, read.status_code) == (201, 200)
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert ready.json()["checks"]["cache"] == {"health": "down", "required": False, "detail": "not reachable"}


async def test_without_redis_a_rate_limit_still_holds(without_redis: Settings) -> None:
    """While Redis is down, the process counts by itself; other clients are not affected."""
    application = create_app(without_redis)
    async with client_of(application) as client:
        statuses = [(await client.get("/api/v1/items")).status_code for _ in range(6)]
    assert statuses == [200, 200, 200, 200, 200, 429]


async def test_a_lost_database_takes_the_service_out(without_database: Settings) -> None:
    """Without the database /ready is a 503 that names what is down and shows no address nor password."""
    async with client_of(create_app(without_database)) as client:
        health = await client.get("/health")
        ready = await client.get("/ready")
    assert (health.status_code, health.json()) == (200, {"status": "alive"})
    assert (ready.status_code, ready.json()["type"]) == (503, "urn:problem:not-ready")
    assert ready.headers["Content-Type"] == "application/problem+json"
    assert ready.json()["detail"] == "down: database (not reachable), migrations (not reachable)"
    assert ready.json()["checks"]["cache"] == {"health": "off", "required": False}
    assert "password" not in ready.text


async def test_a_lost_database_is_a_problem_of_its_own(without_database: Settings) -> None:
    """A request that needs the database says that it is out of reach, and what is not in need of it is served."""
    async with client_of(create_app(without_database)) as client:
        items = await client.get("/api/v1/items")
        calculated = await client.post("/api/v1/calculate", json={"operation": "add", "left": "1", "right": "1"})
    assert (items.status_code, items.json()["type"]) == (503, "urn:problem:storage-unavailable")
    assert calculated.status_code == 200


async def test_metrics_count_requests_by_route(client: httpx.AsyncClient) -> None:
    """Requests are counted by template, method and status, so that ids and wrong paths make no series of their own."""
    created = await client.post("/api/v1/items", json={"name": "lamp", "price": "1"})
    await client.get(created.headers["Location"])
    await client.get("/nowhere")
    await client.request("BREW", "/api/v1/items")
    response = await client.get("/metrics")
    assert response.headers["Content-Type"].startswith("text/plain")
    samples = dict(line.rsplit(" ", 1) for line in response.text.splitlines() if line.startswith("http_requests_total"))
    assert samples == {
        'http_requests_total{method="POST",route="/api/v1/items",status="201"}': "1.0",
        'http_requests_total{method="GET",route="/api/v1/items/{item_id}",status="200"}': "1.0",
        'http_requests_total{method="GET",route="unmatched",status="404"}': "1.0",
        'http_requests_total{method="other",route="/api/v1/items",status="405"}': "1.0",
    }
    assert "http_requests_in_progress 1.0" in response.text
