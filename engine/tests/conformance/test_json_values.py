"""JSON: read and written as the engine's own language has it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import dagger
import pytest
from dagger import dag

Failure = Callable[[Awaitable[object]], Awaitable[str]]


def value(text: str) -> dagger.JSONValue:
    """A JSON value of a text."""
    return dag.json().with_contents(dagger.JSON(text))


async def test_a_text_stays_as_it_is() -> None:
    """What was given is given back, spaces and repeated names included."""
    for text in (' { "a" : 1 } ', '{"a":1,"a":2}', "1.0", "12345678901234567890", '"<>&"', "null"):
        assert await value(text).contents() == text


@pytest.mark.parametrize(
    ("name", "written"),
    [("a", "1.5"), ("b", "1000"), ("c", "12345678901234567000"), ("d", '"\\u003cé\\u003e"'), ("e", '{"x":1,"y":[]}')],
    ids=["a fraction", "an exponent", "more digits than a float has", "a text", "an object"],
)
async def test_a_field_is_written_anew(name: str, written: str) -> None:
    """A field is written in the shortest way: numbers as floats, keys in order, what HTML would read escaped."""
    whole = '{"a": 1.50, "b": 1e3, "c": 12345678901234567890, "d": "<é>", "e": {"y": [], "x": 1}}'
    assert await value(whole).field([name]).contents() == written


async def test_fields_are_set() -> None:
    """A field that is set makes its way, in place of whatever is there."""
    text = dag.json().new_string("x")
    assert await value('{"z":1,"a":2}').with_field(["b"], text).contents() == '{"a":2,"b":"x","z":1}'
    assert await value('{"a":1}').with_field(["a", "b"], text).contents() == '{"a":{"b":"x"}}'
    assert await value("[1]").with_field(["b"], text).contents() == '{"b":"x"}'


async def test_a_field_by_no_path() -> None:
    """No path leads to the whole; the names of fields are in the order of the text."""
    made = value('{"z":1,"a":2}')
    assert await made.field([]).contents() == '{"a":2,"z":1}'
    assert await made.fields() == ["z", "a"]


async def test_lines_for_people() -> None:
    """On demand each entry has its line; what is empty has none."""
    assert await value('{"b":[1,{"x":null}],"a":{},"c":"&"}').contents(pretty=True, indent=" ") == (
        '{\n "a": {},\n "b": [\n  1,\n  {\n   "x": null\n  }\n ],\n "c": "\\u0026"\n}'
    )


async def test_null_is_empty() -> None:
    """Null is the empty text and the number zero."""
    assert (await value("null").as_string(), await value("null").as_integer()) == ("", 0)


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("1.0", "integer", "json: cannot unmarshal number 1.0 into Go value of type int"),
        ('"1"', "integer", "json: cannot unmarshal string into Go value of type int"),
        ("1.5", "string", "json: cannot unmarshal number into Go value of type string"),
        ("null", "boolean", "value is not a boolean"),
        ("null", "array", "value is not an array"),
    ],
)
async def test_values_of_another_kind(text: str, kind: str, message: str, failure: Failure) -> None:
    """A value is not taken for one of another kind."""
    assert await failure(getattr(value(text), f"as_{kind}")()) == message


async def test_fields_that_are_not_there(failure: Failure) -> None:
    """A field that is missing is named, and a list has none."""
    assert await failure(value('{"a":1}').field(["b"]).contents()) == "no such field: 'b'"
    assert await failure(value('[{"a":1}]').field(["0"]).contents()) == "can't lookup field '0' in non-object value"


@pytest.mark.parametrize("text", ["{", "1 2", "NaN"])
async def test_what_is_no_json(text: str, failure: Failure) -> None:
    """What is no JSON is refused."""
    assert (await failure(value(text).contents())).startswith("invalid JSON")
