"""/api/v1/calculate over HTTP."""

import httpx
import pytest


@pytest.mark.parametrize(
    ("operation", "left", "right", "result"),
    [
        pytest.param("add", "0.1", "0.2", "0.3", id="add"),
        pytest.param("subtract", "1", "3", "-2", id="subtract"),
        pytest.param("multiply", 1.5, 2, "3.0", id="multiply takes JSON numbers too"),
        pytest.param("divide", "1", "4", "0.25", id="divide"),
    ],
)
async def test_calculates(client: httpx.AsyncClient, operation: str, left: object, right: object, result: str) -> None:
    """The result is a decimal, written as a string."""
    response = await client.post("/api/v1/calculate", json={"operation": operation, "left": left, "right": right})
    assert (response.status_code, response.json()) == (200, {"result": result})


@pytest.mark.parametrize(
    ("operation", "left", "right", "kind"),
    [
        pytest.param("divide", "1", "0", "no-result", id="division by zero"),
        pytest.param("multiply", "1e6000", "1e6000", "no-result", id="overflow"),
        pytest.param("power", "2", "3", "invalid-request", id="an unknown operation"),
        pytest.param("add", "two", "3", "invalid-request", id="not a number"),
        pytest.param("add", "NaN", "3", "invalid-request", id="NaN"),
        pytest.param("add", "-Infinity", "3", "invalid-request", id="infinity"),
        pytest.param("add", "1" * 35, "3", "invalid-request", id="more digits than are kept"),
        pytest.param("add", None, "3", "invalid-request", id="nothing"),
    ],
)
async def test_refuses_what_has_no_result(
    client: httpx.AsyncClient, operation: str, left: object, right: object, kind: str
) -> None:
    """What cannot be calculated is a 422 that says why."""
    response = await client.post("/api/v1/calculate", json={"operation": operation, "left": left, "right": right})
    assert (response.status_code, response.json()["type"]) == (422, f"urn:problem:{kind}")
