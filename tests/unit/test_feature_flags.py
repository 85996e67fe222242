"""Unfinished features are merged and off: both ways are tested until the flag goes."""

import httpx
import pytest

from app.main import create_app
from app.settings import Settings
from service_client import client_of

SEARCH = "/api/v1/items/search"


async def search(settings: Settings) -> httpx.Response:
    """Search a service that has a lamp and a chair."""
    async with client_of(create_app(settings)) as client:
        for name in ("Desk lamp", "chair"):
            await client.post("/api/v1/items", json={"name": name, "price": "1"})
        return await client.get(SEARCH, params={"q": "LAMP"})


async def test_search_is_off_by_default() -> None:
    """Without the flag the route is not there, nor in the documentation."""
    response = await search(Settings())
    assert (response.status_code, response.json()["type"]) == (404, "about:blank")
    assert SEARCH not in create_app(Settings()).openapi()["paths"]


async def test_search_finds_names_when_it_is_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """With FEATURE_ITEM_SEARCH in the environment the route is there and documented."""
    monkeypatch.setenv("FEATURE_ITEM_SEARCH", "true")
    settings = Settings()
    response = await search(settings)
    assert response.status_code == 200
    assert [item["name"] for item in response.json()] == ["Desk lamp"]
    assert SEARCH in create_app(settings).openapi()["paths"]


async def test_search_refuses_a_text_that_no_name_has() -> None:
    """Control characters are in no name, and the database takes no NUL."""
    async with client_of(create_app(Settings(feature_item_search=True))) as client:
        response = await client.get(SEARCH, params={"q": "\x00"})
    assert (response.status_code, response.json()["errors"][0]["name"]) == (422, "q")
