"""The OpenAPI document says what the service does."""

import re
from typing import Any

import pytest

from app.main import create_app
from app.settings import Settings


@pytest.fixture
def document() -> dict[str, Any]:
    """The document of a service with default settings."""
    return create_app(Settings()).openapi()


def test_every_error_is_described_as_a_problem(document: dict[str, Any]) -> None:
    """All responses from 400 up have the one shape, and the framework's own one is gone."""
    errors = [
        response["content"]
        for operations in document["paths"].values()
        for operation in operations.values()
        for status, response in operation["responses"].items()
        if int(status) >= 400
    ]
    assert errors
    expected = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    assert all(content == expected for content in errors)
    schemas = document["components"]["schemas"]
    assert {"Problem", "Mistake"} <= set(schemas)
    assert not {"HTTPValidationError", "ValidationError"} & set(schemas)


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    """No `$ref` of the document dangles."""

    def references(node: object) -> set[str]:
        if isinstance(node, dict):
            own = {str(node["$ref"])} if "$ref" in node else set()
            return own.union(*(references(value) for value in node.values()))
        if isinstance(node, list):
            return set().union(*(references(value) for value in node))
        return set()

    schemas = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert references(document) <= schemas


def test_documents_every_status_of_a_change(document: dict[str, Any]) -> None:
    """A client can read from the document what a change may answer."""
    assert set(document["paths"]["/api/v1/items/{item_id}"]["put"]["responses"]) == {
        *("200", "400", "404", "409", "412", "413", "422", "428", "429", "503")
    }


def test_is_made_once() -> None:
    """The document is kept: it is asked for often and never changes."""
    app = create_app(Settings())
    assert app.openapi() is app.openapi()


def test_a_change_is_documented_to_need_its_version(document: dict[str, Any]) -> None:
    """If-Match is a required header of every change of an item."""
    for method in ("put", "delete"):
        parameters = document["paths"]["/api/v1/items/{item_id}"][method]["parameters"]
        assert {(parameter["name"], parameter["required"]) for parameter in parameters} == {
            ("item_id", True),
            ("If-Match", True),
        }


@pytest.mark.parametrize(
    ("schema", "member", "right", "wrong"),
    [
        pytest.param("ItemIn", "price", ["9.95", "0", "9999999999.99"], ["", "-1", "1.234", "1e3", "ten"], id="price"),
        pytest.param("CalculationIn", "left", ["0.1", "-.5", "1e-9", "+7."], ["", "NaN", "1e", "."], id="operand"),
    ],
)
def test_decimals_are_described_as_they_are_taken(
    document: dict[str, Any], schema: str, member: str, right: list[str], wrong: list[str]
) -> None:
    """The pattern of a decimal in the document tells right from wrong."""
    text = document["components"]["schemas"][schema]["properties"][member]["anyOf"][0]
    assert all(re.search(text["pattern"], value) for value in right)
    assert not any(re.search(text["pattern"], value) for value in wrong)
