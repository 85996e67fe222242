"""/api/v1/items over HTTP."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

LAMP = {"name": "lamp", "description": "bright", "price": "9.95"}


async def create(client: httpx.AsyncClient, **changes: object) -> dict[str, Any]:
    """Create an item that differs from LAMP in these members."""
    response = await client.post("/api/v1/items", json=LAMP | changes)
    assert response.status_code == 201, response.text
    item: dict[str, Any] = response.json()
    return item


async def test_creates_an_item(client: httpx.AsyncClient) -> None:
    """A created item is where Location says, with the tag of its first version."""
    response = await client.post("/api/v1/items", json=LAMP)
    assert (response.status_code, response.headers["ETag"]) == (201, '"1"')
    assert response.json().items() >= (LAMP | {"version": 1}).items()
    read = await client.get(response.headers["Location"])
    assert (read.status_code, read.json(), read.headers["ETag"]) == (200, response.json(), '"1"')


async def test_changes_an_item_that_is_as_the_client_saw_it(client: httpx.AsyncClient) -> None:
    """A change with the right tag is stored as the next version."""
    item = await create(client)
    url = f"/api/v1/items/{item['id']}"
    response = await client.put(url, json=LAMP | {"price": "7.5"}, headers={"If-Match": '"1"'})
    assert (response.status_code, response.headers["ETag"]) == (200, '"2"')
    assert (response.json()["price"], response.json()["version"]) == ("7.50", 2)
    assert (await client.get(url)).json() == response.json()


async def test_of_two_changes_of_one_version_the_second_is_refused(client: httpx.AsyncClient) -> None:
    """Whoever has not seen the last change cannot overwrite it."""
    item = await create(client)
    url = f"/api/v1/items/{item['id']}"
    statuses = [
        (await client.put(url, json=LAMP | {"price": price}, headers={"If-Match": '"1"'})).status_code
        for price in ("1", "2")
    ]
    assert statuses == [200, 412]
    assert (await client.get(url)).json()["price"] == "1.00"


async def test_deletes_an_item(client: httpx.AsyncClient) -> None:
    """A deleted item is gone, and deleting it again finds nothing."""
    url = f"/api/v1/items/{(await create(client))['id']}"
    assert (await client.delete(url, headers={"If-Match": '"7"'})).status_code == 412
    response = await client.delete(url, headers={"If-Match": '"1"'})
    assert (response.status_code, response.content) == (204, b"")
    assert (await client.get(url)).status_code == 404
    assert (await client.delete(url, headers={"If-Match": "*"})).status_code == 404


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_a_change_must_name_its_version(client: httpx.AsyncClient, method: str) -> None:
    """Without If-Match nothing is changed."""
    url = f"/api/v1/items/{(await create(client))['id']}"
    response = await client.request(method, url, json=LAMP if method == "PUT" else None)
    assert (response.status_code, response.json()["type"]) == (428, "urn:problem:version-required")


async def test_a_name_is_taken_once(client: httpx.AsyncClient) -> None:
    """The second item of a name is a conflict, by creation and by change."""
    await create(client, name="lamp")
    other = await create(client, name="torch")
    created = await client.post("/api/v1/items", json=LAMP)
    changed = await client.put(f"/api/v1/items/{other['id']}", json=LAMP, headers={"If-Match": "*"})
    for response in (created, changed):
        assert (response.status_code, response.json()["type"]) == (409, "urn:problem:item-name-taken")


async def test_an_unknown_item_is_not_found(client: httpx.AsyncClient) -> None:
    """Reading an id that no item has is a 404 that says so."""
    item_id = uuid4()
    response = await client.get(f"/api/v1/items/{item_id}")
    assert (response.status_code, response.json()["type"]) == (404, "urn:problem:item-not-found")
    assert str(item_id) in response.json()["detail"]


async def test_pages_through_all_items(client: httpx.AsyncClient) -> None:
    """Following the cursors gives every item once, in the order of creation."""
    created = [(await create(client, name=f"item {number}"))["name"] for number in range(5)]
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(3):
        parameters = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/api/v1/items", params=parameters)).json()
        seen.extend(item["name"] for item in page["items"])
        cursor = page["next_cursor"]
    assert (seen, cursor) == (created, None)


async def test_a_made_up_cursor_is_refused(client: httpx.AsyncClient) -> None:
    """Only cursors that were handed out are taken."""
    response = await client.get("/api/v1/items", params={"cursor": "made-up"})
    assert (response.status_code, response.json()["type"]) == (422, "urn:problem:invalid-cursor")


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        pytest.param({"name": ""}, "#/name", id="no name"),
        pytest.param({"name": "  "}, "#/name", id="a blank name"),
        pytest.param({"name": "x" * 121}, "#/name", id="a name too long"),
        pytest.param({"name": "a\nb"}, "#/name", id="a name of two lines"),
        pytest.param({"description": "\x00"}, "#/description", id="NUL, which PostgreSQL cannot store"),
        pytest.param({"description": "x" * 2001}, "#/description", id="a description too long"),
        pytest.param({"price": "-0.01"}, "#/price", id="a negative price"),
        pytest.param({"price": "0.001"}, "#/price", id="a price below the cent"),
        pytest.param({"price": "10000000000"}, "#/price", id="a price too large"),
        pytest.param({"price": "NaN"}, "#/price", id="a price that is no number"),
        pytest.param({"prise": "1"}, "#/prise", id="a misspelt member"),
    ],
)
async def test_refuses_an_invalid_item(client: httpx.AsyncClient, changes: dict[str, str], pointer: str) -> None:
    """What is wrong is pointed to, one by one."""
    response = await client.post("/api/v1/items", json=LAMP | changes)
    assert (response.status_code, response.json()["type"]) == (422, "urn:problem:invalid-request")
    assert [error["name"] for error in response.json()["errors"]] == [pointer]


async def test_keeps_every_valid_text(client: httpx.AsyncClient) -> None:
    """Names lose the spaces around them; descriptions keep their lines; no script is left out."""
    item = await create(client, name="  Ωmega 灯 💡 ", description="one\n\ttwo")
    assert (item["name"], item["description"]) == ("Ωmega 灯 💡", "one\n\ttwo")
