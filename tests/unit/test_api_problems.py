"""Every error has one shape."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from http import HTTPStatus
from typing import NoReturn

import httpx
import pytest

from app.api.problems import KINDS
from app.core.errors import CoreError
from app.core.ports import ItemRepository
from app.main import create_app
from app.observability.metrics import Metrics
from app.resources import Resources, open_resources
from app.settings import Settings
from service_client import client_of


def assert_problem(response: httpx.Response, status: int) -> None:
    """Check that an error is a problem, with all that every problem has."""
    assert response.headers["Content-Type"] == "application/problem+json"
    body = response.json()
    assert (response.status_code, body["status"]) == (status, status)
    assert body["type"] == "about:blank" or body["type"].startswith("urn:problem:")
    assert body["title"]
    assert body["instance"] == response.request.url.path
    assert body["request_id"] == response.headers["X-Request-ID"]


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        pytest.param("GET", "/nowhere", "", 404, id="no such path"),
        pytest.param("GET", "/api/v1/items/", "", 404, id="a slash too many"),
        pytest.param("GET", "/api/v1/items/7", "", 404, id="an id that is none"),
        pytest.param("PATCH", "/api/v1/items", "", 405, id="no such method"),
        pytest.param("GET", "/api/v1/items?limit=none", "", 422, id="a parameter of the wrong type"),
        pytest.param("POST", "/api/v1/items", "{", 422, id="a body that is not JSON"),
        pytest.param("POST", "/api/v1/items", "[" * 20_000, 400, id="a body that cannot be parsed"),
        pytest.param("POST", "/api/v1/items", "[]", 422, id="a body of the wrong type"),
        pytest.param("POST", "/api/v1/items", r'{"\ud800": "\ud800", "name": "\ud800"}', 422, id="half a character"),
        pytest.param("POST", "/api/v1/items", "", 422, id="no body"),
        pytest.param("POST", "/api/v1/items", " " * 70_000, 413, id="a body too large"),
    ],
)
async def test_what_is_refused_is_a_problem(
    client: httpx.AsyncClient, method: str, path: str, content: str, status: int
) -> None:
    """Whoever refuses a request, framework or service, the client gets a problem."""
    response = await client.request(method, path, content=content, headers={"Content-Type": "application/json"})
    assert_problem(response, status)


async def test_a_body_is_counted_where_its_size_is_not_declared(client: httpx.AsyncClient) -> None:
    """A stream without Content-Length is read up to the limit, and no further."""
    pieces = 0

    async def stream() -> AsyncIterator[bytes]:
        nonlocal pieces
        while True:
            pieces += 1
            yield b" " * 20_000

    response = await client.post("/api/v1/items", content=stream(), headers={"Content-Type": "application/json"})
    assert_problem(response, 413)
    assert pieces <= 5


async def test_all_methods_of_a_path_are_allowed_by_name(client: httpx.AsyncClient) -> None:
    """A 405 names every method that the path has, on whichever route."""
    response = await client.patch("/api/v1/items")
    assert response.headers["Allow"] == "GET, POST"


async def test_mistakes_are_told_apart(client: httpx.AsyncClient) -> None:
    """Each mistake has its place, and the value that was sent is not sent back."""
    response = await client.post("/api/v1/items", json={"name": "", "price": "my-secret"})
    assert_problem(response, 422)
    assert [(error["location"], error["name"]) for error in response.json()["errors"]] == [
        ("body", "#/name"),
        ("body", "#/price"),
    ]
    assert "my-secret" not in response.text


async def test_a_body_that_is_no_json_points_to_the_whole(client: httpx.AsyncClient) -> None:
    """Where nothing could be parsed, the pointer is the empty one."""
    response = await client.post("/api/v1/items", content="{", headers={"Content-Type": "application/json"})
    assert [error["name"] for error in response.json()["errors"]] == ["#"]


async def test_too_many_requests_are_told_when_to_come_back() -> None:
    """Beyond the quota a client gets a 429 with Retry-After; probes are not counted, nor are other clients."""
    settings = Settings(rate_limit_per_minute=1)
    async with client_of(create_app(settings)) as client:
        first, second = await client.get("/api/v1/items"), await client.get("/api/v1/items")
        health = await client.get("/health")
    assert (first.status_code, health.status_code) == (200, 200)
    assert_problem(second, 429)
    assert 0 < int(second.headers["Retry-After"]) <= 60


async def test_a_rate_limit_of_zero_is_none() -> None:
    """The limit can be switched off."""
    async with client_of(create_app(Settings(rate_limit_per_minute=0))) as client:
        assert {(await client.get("/api/v1/items")).status_code for _ in range(3)} == {200}


@asynccontextmanager
async def failing_unit_of_work() -> AsyncIterator[ItemRepository]:
    """Fail as code with a fault does."""
    fail()
    yield  # type: ignore[unreachable]


def fail() -> NoReturn:
    """Raise an error that says too much."""
    raise RuntimeError("password=hunter2")


@asynccontextmanager
async def faulty_resources(settings: Settings, metrics: Metrics) -> AsyncIterator[Resources]:
    """Resources whose storage has a fault."""
    async with open_resources(settings, metrics) as resources:
        yield replace(resources, unit_of_work=failing_unit_of_work)


async def test_a_fault_tells_nothing_but_its_id(caplog: pytest.LogCaptureFixture) -> None:
    """A fault of the code is a 500 without its reason; the log has the reason, and the metrics count it."""
    async with client_of(create_app(Settings(), open_resources=faulty_resources)) as client:
        with caplog.at_level(logging.ERROR, "app.requests"):
            response = await client.get("/api/v1/items", headers={"X-Request-ID": "my-request"})
        metrics = await client.get("/metrics")
    assert_problem(response, 500)
    assert response.headers["X-Request-ID"] == "my-request"
    assert "hunter2" not in response.text
    assert "hunter2" in caplog.text
    assert 'http_requests_total{method="GET",route="/api/v1/items",status="500"} 1.0' in metrics.text


def test_every_error_of_the_core_has_its_kind() -> None:
    """No error of the core is without a status, and no two kinds share a name."""
    assert set(KINDS) == set(CoreError.__subclasses__())
    assert len({kind.name for kind in KINDS.values()}) == len(KINDS)
    assert all(kind.status >= HTTPStatus.BAD_REQUEST and kind.title for kind in KINDS.values())
