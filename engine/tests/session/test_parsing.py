"""Requests parsed with JSON's decoder for strings, held to what graphql-core makes of them."""

import time

import graphql
import pytest
from graphql import GraphQLSyntaxError, StringValueNode
from hypothesis import given, settings
from hypothesis import strategies as st

from embedded_engine.session.parsing import parse

MIB = 1 << 20


def outcome_of(parser: object, query: str) -> object:
    """The document, or where and why there is none."""
    assert callable(parser)
    try:
        return parser(query)
    except GraphQLSyntaxError as error:
        return error.message, error.positions, error.locations


def reference(query: str) -> graphql.DocumentNode:
    """What graphql-core makes of a request."""
    return graphql.parse(query, no_location=True)


@pytest.mark.parametrize(
    "literal",
    [
        pytest.param('""', id="empty"),
        pytest.param('"a plain word"', id="plain"),
        pytest.param(r'"\" \\ \/ \b \f \n \r \t \u00e9"', id="every escape"),
        pytest.param(r'"\ud83d\ude00"', id="a pair of surrogates"),
        pytest.param(r'"\u{1F600}"', id="an escape that JSON does not have"),
        pytest.param('"\U0001f600 \x07 \t"', id="any character as it is"),
        pytest.param('"""a "block"\n  of \\""" lines"""', id="a block"),
        pytest.param('"two\nlines"', id="a line end as it is"),
        pytest.param('"two\rlines"', id="a carriage return as it is"),
        pytest.param(r'"\ud83d"', id="half a pair, escaped"),
        pytest.param('"\ud83d"', id="half a pair as it is"),
        pytest.param('"\ud83d\ude00"', id="both halves as they are"),
        pytest.param(r'"\x"', id="an escape that is none"),
        pytest.param(r'"\u00g0"', id="digits that are none"),
        pytest.param('"without an end', id="no end"),
        pytest.param('"\\', id="an end in the middle of an escape"),
    ],
)
def test_a_string_means_what_it_means_to_graphql(literal: str) -> None:
    """Every kind of string gives the value, or the error and its place, that graphql-core gives."""
    query = f"{{ directory(name: {literal}, other: 1) {{ id }} }}"
    assert outcome_of(parse, query) == outcome_of(reference, query)


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=()), max_size=20))
def test_any_text_between_quotes_means_what_it_means_to_graphql(text: str) -> None:
    """Whatever stands between two quotes, the outcome is graphql-core's."""
    query = f'{{ a(b: "{text}") }}'
    assert outcome_of(parse, query) == outcome_of(reference, query)


@settings(deadline=None)
@given(st.text(st.sampled_from('{}a(:1 \t,\n\r#"\ufeff'), max_size=30))
def test_blanks_mean_what_they_mean_to_graphql(text: str) -> None:
    """However a request is laid out, the document or the error and its place in lines are graphql-core's."""
    assert outcome_of(parse, text) == outcome_of(reference, text)


def test_a_long_text_costs_little() -> None:
    """Eight MiB of text are parsed in a fraction of the five seconds of the processor that letter by letter takes."""
    begin = time.process_time()
    document = parse('{ a(b: "' + "some words\\n" * (8 * MIB // 12) + '") }')
    assert time.process_time() - begin < 2
    field = document.definitions[0].selection_set.selections[0]  # type: ignore[attr-defined]
    value = field.arguments[0].value
    assert isinstance(value, StringValueNode)
    assert value.value.startswith("some words\nsome words\n")
