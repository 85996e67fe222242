"""JSONValue: JSON read and written field by field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from embedded_engine.api import json_text
from embedded_engine.api.file import contents as contents_of
from embedded_engine.api.values import FileValue
from embedded_engine.binding import RequestContext, field
from embedded_engine.errors import EngineError


class JSONError(EngineError):
    """JSON that is not valid, or not of the kind that was asked for."""


@dataclass(frozen=True)
class JSONValueValue:
    """A piece of JSON, as text."""

    TYPE: ClassVar[str] = "JSONValue"

    text: str = "null"

    @classmethod
    def of(cls, value: Any) -> JSONValueValue:
        """A Python value, as the real engine writes it."""
        return cls(json_text.write(value))

    @property
    def value(self) -> Any:
        """The JSON as a Python value."""
        try:
            return json_text.parse(self.text)
        except ValueError as error:
            raise JSONError(f"invalid JSON: {error}") from None


def _wrong_kind(value: Any, wanted: str) -> JSONError:
    """In the words of the real engine."""
    kinds = {str: "string", bool: "bool", list: "array", dict: "object"}
    return JSONError(f"json: cannot unmarshal {kinds.get(type(value), 'number')} into Go value of type {wanted}")


@field("Query", "json")
def new_json(ctx: RequestContext, self: object) -> JSONValueValue:
    return JSONValueValue()


@field("File", "asJSON")
async def as_json(ctx: RequestContext, self: FileValue) -> JSONValueValue:
    result = JSONValueValue(await contents_of(ctx, self))
    _ = result.value
    return result


@field("JSONValue", "contents")
def contents(ctx: RequestContext, self: JSONValueValue, *, pretty: bool = False, indent: str = "  ") -> str:
    if not pretty:
        return self.text
    return json_text.write(self.value, indent)


@field("JSONValue", "withContents")
def with_contents(ctx: RequestContext, self: JSONValueValue, *, contents: str) -> JSONValueValue:
    result = JSONValueValue(contents)
    _ = result.value
    return result


@field("JSONValue", "newString")
def new_string(ctx: RequestContext, self: JSONValueValue, *, value: str) -> JSONValueValue:
    return JSONValueValue.of(value)


@field("JSONValue", "newInteger")
def new_integer(ctx: RequestContext, self: JSONValueValue, *, value: int) -> JSONValueValue:
    return JSONValueValue(str(value))


@field("JSONValue", "newBoolean")
def new_boolean(ctx: RequestContext, self: JSONValueValue, *, value: bool) -> JSONValueValue:
    return JSONValueValue.of(value)


@field("JSONValue", "asString")
def as_string(ctx: RequestContext, self: JSONValueValue) -> str:
    value = "" if self.value is None else self.value
    if not isinstance(value, str):
        raise _wrong_kind(value, "string")
    return value


@field("JSONValue", "asInteger")
def as_integer(ctx: RequestContext, self: JSONValueValue) -> int:
    value = 0 if self.value is None else self.value
    if isinstance(value, float):
        raise JSONError(f"json: cannot unmarshal number {self.text.strip()} into Go value of type int")
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong_kind(value, "int")
    return value


@field("JSONValue", "asBoolean")
def as_boolean(ctx: RequestContext, self: JSONValueValue) -> bool:
    value = self.value
    if not isinstance(value, bool):
        raise JSONError("value is not a boolean")
    return value


@field("JSONValue", "asArray")
def as_array(ctx: RequestContext, self: JSONValueValue) -> tuple[JSONValueValue, ...]:
    value = self.value
    if not isinstance(value, list):
        raise JSONError("value is not an array")
    return tuple(JSONValueValue.of(each) for each in value)


@field("JSONValue", "fields")
def fields(ctx: RequestContext, self: JSONValueValue) -> tuple[str, ...]:
    value = self.value
    if not isinstance(value, dict):
        raise JSONError("value is not an object")
    return tuple(value)


@field("JSONValue", "field")
def field_of(ctx: RequestContext, self: JSONValueValue, *, path: tuple[str, ...]) -> JSONValueValue:
    current = self.value
    for name in path:
        if not isinstance(current, dict):
            raise JSONError(f"can't lookup field '{name}' in non-object value")
        if name not in current:
            raise JSONError(f"no such field: '{name}'")
        current = current[name]
    return JSONValueValue.of(current)


@field("JSONValue", "withField")
def with_field(
    ctx: RequestContext, self: JSONValueValue, *, path: tuple[str, ...], value: JSONValueValue
) -> JSONValueValue:
    """Set a field; objects on the way to it are made, anything else there gives way."""
    root = self.value
    current = root = root if isinstance(root, dict) else {}
    for name in path[:-1]:
        if not isinstance(current.get(name), dict):
            current[name] = {}
        current = current[name]
    if path:
        current[path[-1]] = value.value
    return JSONValueValue.of(root)
