"""Environment files: how lines are read, and what variables stand for."""

from __future__ import annotations

import dagger
import pytest
from dagger import dag


def env_file(text: str) -> dagger.EnvFile:
    """An environment file of a text."""
    return dag.file(".env", text).as_env_file()


async def variables(file: dagger.EnvFile) -> dict[str, str]:
    """All variables."""
    return {await each.name(): await each.value() for each in await file.variables()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("A=1\r\nB=2\r\n", {"A": "1", "B": "2"}, id="line ends of other machines"),
        pytest.param("A=1\nA=2\n", {"A": "2"}, id="the last counts"),
        pytest.param("A\n", {"A": ""}, id="a name alone"),
        pytest.param(
            "A=1\nB=$A\nC=${A}x\nD='$A'\nE=\"$A\"\nF=\\$A\n",
            {"A": "1", "B": "1", "C": "1x", "D": "$A", "E": "1", "F": "$A"},
            id="references",
        ),
        pytest.param("A=${X:-d}\nB=${X-d}\nC=${A:+y}\n", {"A": "d", "B": "d", "C": "y"}, id="alternatives"),
    ],
)
async def test_lines(text: str, expected: dict[str, str]) -> None:
    """Lines are read as a shell reads assignments."""
    assert await variables(env_file(text)) == expected


@pytest.mark.parametrize("text", ["A = 1\n", 'A="1\n'], ids=["spaces", "an open quote"])
async def test_lines_that_are_no_assignments(text: str) -> None:
    """What is no assignment is refused."""
    with pytest.raises(dagger.QueryError, match="parse error"):
        await env_file(text).variables()


async def test_variables_that_are_set() -> None:
    """A variable that is set is written as it is and read as a file's would be."""
    made = dag.env_file().with_variable("A", "1 2").with_variable("B", "$A").with_variable("C", "'x'")
    assert await made.as_file().contents() == "A=1 2\nB=$A\nC='x'\n"
    assert await made.as_file().name() == ".env"
    assert (await made.get("B"), await made.get("B", raw=True), await made.get("C")) == ("1 2", "$A", "x")


async def test_a_namespace() -> None:
    """A namespace has the variables with its prefix, in any spelling, without it."""
    assert await variables(env_file("APP_A=1\napp_b=2\nOTHER=3\n").namespace("app")) == {"A": "1", "b": "2"}


async def test_an_error_with_values() -> None:
    """An error that a program makes has its values."""
    error = dag.error("message").with_value("a", dagger.JSON("1")).with_value("b", dagger.JSON('"x"'))
    values = {await each.name(): await each.value() for each in await error.values()}
    assert (await error.message(), values) == ("message", {"a": "1", "b": '"x"'})
