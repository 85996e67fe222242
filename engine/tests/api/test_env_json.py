"""Variables of env files, JSON values and errors as objects."""

from __future__ import annotations

import dagger
import pytest
from dagger import dag

ENV = """
# a comment
HOST=localhost
export PORT=5432
URL="http://${HOST}:$PORT/"
SINGLE='$HOST'
WORDS=two words
FALLBACK=${NOT_SET_ANYWHERE:-none}
MY_APP_TOKEN=t-$HOST
"""


def env_file(text: str = ENV) -> dagger.EnvFile:
    """An env file of a text."""
    return dag.directory().with_new_file(".env", text).file(".env").as_env_file()


async def test_values_are_expanded(connected: None) -> None:
    """References are resolved in double quotes and without quotes; raw values are as they are written."""
    file = env_file()
    assert await file.get("URL") == "http://localhost:5432/"
    assert await file.get("URL", raw=True) == '"http://${HOST}:$PORT/"'
    assert await file.get("SINGLE") == "$HOST"
    assert await file.get("WORDS") == "two words"
    assert await file.get("FALLBACK") == "none"
    assert await file.get("missing") == ""
    assert await file.exists("PORT")
    assert not await file.exists("missing")
    names = [await each.name() for each in await file.variables()]
    assert names == sorted(names)


async def test_changes_and_file(connected: None) -> None:
    """Variables are set and removed; the file has them in their order."""
    file = dag.env_file().with_variable("A", "1").with_variable("B", "$A$A").with_variable("A", "2")
    assert await file.get("B") == "22"
    assert await file.as_file().contents() == "A=2\nB=$A$A\n"
    assert await file.without_variable("A").as_file().contents() == "B=$A$A\n"


async def test_namespace(connected: None) -> None:
    """Names lose the prefix, in whatever spelling it is given; the others may still be referred to."""
    inner = env_file().namespace("myApp")
    assert [(await each.name(), await each.value()) for each in await inner.variables()] == [("TOKEN", "t-localhost")]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("A=$SURELY_NOT_SET_X", "SURELY_NOT_SET_X: unbound variable"),
        ("A=$B\nB=$A", "circular|unbound"),
        ('A="x', "closing"),
    ],
    ids=["unbound", "circle", "open quote"],
)
async def test_variables_that_have_no_value(connected: None, text: str, problem: str) -> None:
    """What cannot be expanded is told."""
    with pytest.raises(dagger.QueryError, match=problem):
        await env_file(text).get("A")


async def test_container_takes_an_env_file(connected: None) -> None:
    """Every variable of the file is one of the container."""
    container = dag.container().with_env_file_variables(dag.env_file().with_variable("A", "1").with_variable("B", "$A"))
    assert await container.env_variable("B") == "1"


async def test_json_is_read_and_written(connected: None) -> None:
    """Fields are found by path, set by path, and kinds are told apart."""
    value = dag.json().with_contents(dagger.JSON('{"b": {"c": [1, "x", true]}, "a": 5}'))
    assert await value.fields() == ["b", "a"]
    assert await value.field(["a"]).as_integer() == 5
    items = await value.field(["b", "c"]).as_array()
    assert (await items[0].as_integer(), await items[1].as_string(), await items[2].as_boolean()) == (1, "x", True)
    changed = value.with_field(["b", "d", "e"], dag.json().new_string("<new>"))
    assert await changed.field(["b"]).contents() == '{"c":[1,"x",true],"d":{"e":"\\u003cnew\\u003e"}}'
    assert await dag.json().contents() == "null"
    pretty = await dag.json().with_field(["a"], dag.json().new_integer(1)).contents(pretty=True, indent="  ")
    assert pretty == '{\n  "a": 1\n}'


async def test_json_of_a_file(connected: None) -> None:
    """A file's contents are JSON, or it is told."""
    tree = dag.directory().with_new_file("good", '{"a":[]}').with_new_file("bad", "{")
    assert await tree.file("good").as_json().field(["a"]).contents() == "[]"
    with pytest.raises(dagger.QueryError, match="invalid JSON"):
        await tree.file("bad").as_json().contents()


@pytest.mark.parametrize(
    ("ask", "problem"),
    [
        (lambda value: value.as_string(), "json: cannot unmarshal number into Go value of type string"),
        (lambda value: value.as_array(), "value is not an array"),
        (lambda value: value.fields(), "value is not an object"),
        (lambda value: value.field(["x"]).contents(), "can't lookup field 'x' in non-object value"),
    ],
    ids=["string", "array", "object", "field"],
)
async def test_json_of_another_kind(connected: None, ask: object, problem: str) -> None:
    """Asking a number for anything else is told."""
    with pytest.raises(dagger.QueryError, match=problem):
        await ask(dag.json().new_integer(3))  # type: ignore[operator]


async def test_errors_carry_values(connected: None) -> None:
    """An error has its message and its values."""
    error = dag.error("it broke").with_value("code", dagger.JSON("3"))
    assert await error.message() == "it broke"
    assert [(await each.name(), await each.value()) for each in await error.values()] == [("code", "3")]
