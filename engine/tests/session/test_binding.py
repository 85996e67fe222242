"""Values of the API and the ids that stand for them."""

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import ClassVar

import pytest

from embedded_engine.binding import ObjectTable, UnknownObjectError, snake_case


class Color(Enum):
    """An enum inside of a value."""

    RED = "red"


@dataclass(frozen=True)
class Part:
    """Something inside of a value."""

    parent: "Part | None" = None
    text: str = ""


@dataclass(frozen=True)
class Value:
    """An API value."""

    TYPE: ClassVar[str] = "Container"

    part: Part = Part()
    pairs: tuple[tuple[str, str], ...] = ()
    extra: object = None
    ignored: str = field(default="", compare=False)


@dataclass(frozen=True)
class Named:
    """A value that says itself what it is."""

    TYPE: ClassVar[str] = "Secret"

    name: str
    plaintext: str

    def identity(self) -> object:
        """The name only."""
        return self.name


def test_equal_values_have_equal_ids() -> None:
    """The id covers the content, however the value was made."""
    table = ObjectTable()
    assert table.put(Value(Part(Part(), "a"))) == table.put(Value(Part(Part(), "a")))
    assert table.put(Value(Part(Part(), "a"))) != table.put(Value(Part(None, "a")))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Value(pairs=(("a", "b"),)), Value(pairs=(("ab", ""),))),
        (Value(pairs=(("a", "b"), ("c", "d"))), Value(pairs=(("a", "bc"), ("", "d")))),
        (Value(extra=1), Value(extra="1")),
        (Value(extra=True), Value(extra=1)),
        (Value(extra=b"a"), Value(extra="a")),
        (Value(extra=Path("a")), Value(extra="a")),
        (Value(extra=Color.RED), Value(extra="red")),
        (Value(extra={"a": 1}), Value(extra={"a": 2})),
        (Value(extra=((), ())), Value(extra=((),))),
    ],
    ids=[
        "two texts do not run together",
        "neither do pairs",
        "a number is no text",
        "a truth value is no number",
        "bytes are no text",
        "a path is no text",
        "a member is not its value",
        "the values of a mapping count",
        "the number of items counts",
    ],
)
def test_different_values_have_different_ids(one: Value, other: Value) -> None:
    """Nothing that differs is encoded alike."""
    table = ObjectTable()
    assert table.put(one) != table.put(other)


def test_what_does_not_compare_is_not_in_the_id() -> None:
    """A field that equality ignores, or that `identity` leaves out, is ignored by the id."""
    table = ObjectTable()
    assert table.put(Value(ignored="x")) == table.put(Value(ignored="y"))
    assert table.put(Named("token", "one")) == table.put(Named("token", "two"))


def test_id_leads_back_to_its_value() -> None:
    """An id begins with its type and stands for an equal value."""
    table = ObjectTable()
    value = Value(Part(text="x"))
    object_id = table.put(value)
    assert object_id.startswith("Container:")
    assert table.get(object_id) == value
    assert table.get(object_id, ("Directory", "Container")) == value


def test_id_of_another_session_or_type_is_refused() -> None:
    """A table knows what it handed out, and what the caller may pass."""
    value = Value()
    object_id = ObjectTable(b"one").put(value)
    with pytest.raises(UnknownObjectError, match="no object with id"):
        ObjectTable(b"two").get(object_id)
    table = ObjectTable(b"one")
    with pytest.raises(UnknownObjectError, match="expected the id of a Directory, got that of a Container"):
        table.get(table.put(value), ("Directory",))


def test_ids_of_sessions_say_nothing_of_each_other() -> None:
    """With another key the same value has another id, so an id cannot be guessed from a value."""
    assert ObjectTable(b"one").put(Value()) != ObjectTable(b"two").put(Value())


def test_long_chain_is_encoded() -> None:
    """A value that was made in more steps than Python's stack is deep has an id."""
    part: Part | None = None
    for index in range(5000):
        part = Part(part, str(index))
    assert part is not None
    assert ObjectTable().put(Value(part)).startswith("Container:")


def test_value_without_canonical_form_is_refused() -> None:
    """An object that is no dataclass would have an id by its address: it is refused by its class."""
    with pytest.raises(TypeError, match="object has no canonical form"):
        ObjectTable().put(Value(extra=object()))


@pytest.mark.parametrize(
    ("name", "expected"),
    [("args", "args"), ("useEntrypoint", "use_entrypoint"), ("from", "from_"), ("skipTLSVerify", "skip_tls_verify")],
)
def test_arguments_have_python_names(name: str, expected: str) -> None:
    """Names of the API become names of Python."""
    assert snake_case(name) == expected
