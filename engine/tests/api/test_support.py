"""The page that says what of the API there is."""

from __future__ import annotations

from pathlib import Path

import pytest
from graphql import GraphQLObjectType, GraphQLSchema

from embedded_engine import api, api_support
from embedded_engine.binding import bound_fields
from embedded_engine.schema import load_schema

PAGE = Path(__file__).parents[3] / "docs/api-support.md"


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> GraphQLSchema:
    """The schema, with every resolver bound."""
    api.load()
    return load_schema(tmp_path_factory.mktemp("schema")).executable


def test_page_is_true(schema: GraphQLSchema) -> None:
    """The committed page is what the schema and the bindings say."""
    remedy = "python -m embedded_engine.api_support docs/api-support.md"
    assert PAGE.read_text(encoding="utf-8") == api_support.page(schema), f"write it again: {remedy}"


def test_bound_fields_exist(schema: GraphQLSchema) -> None:
    """Every resolver is bound to a field that the schema has."""
    for kind, field in bound_fields():
        found = schema.type_map.get(kind)
        assert isinstance(found, GraphQLObjectType), f"{kind}.{field}"
        assert field in found.fields, f"{kind}.{field}"


@pytest.mark.parametrize("table", [api_support.FIELD_REASONS, api_support.PARTLY], ids=["why not", "partly"])
def test_reasons_name_fields_that_exist(schema: GraphQLSchema, table: dict[str, str]) -> None:
    """A reason is for a field of the schema: for one that is not here, or is here in part."""
    answers = api_support.support(schema)
    for place, reason in table.items():
        kind, _, field = place.partition(".")
        prefix = "partly" if table is api_support.PARTLY else "no"
        assert answers[kind][field] == f"{prefix}: {reason}"


def test_reasons_for_types_are_used(schema: GraphQLSchema) -> None:
    """A reason for a type stands for at least one field, or the type has none but its id."""
    answers = api_support.support(schema)
    for kind, reason in api_support.TYPE_REASONS.items():
        assert f"no: {reason}" in answers[kind].values() or set(answers[kind]) == {"id"}, kind
