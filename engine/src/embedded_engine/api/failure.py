"""Errors that a program makes: values to look at, and steps that fail with a given text."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import ClassVar

from embedded_engine.api.values import ContainerValue, DirectoryValue
from embedded_engine.binding import RequestContext, attributes, field
from embedded_engine.errors import EngineError

attributes("Error", "message", "values")
attributes("ErrorValue", "name", "value")


class RaisedError(EngineError):
    """What `withError` was given."""


@dataclass(frozen=True)
class ErrorEntryValue:
    """One value that goes with an error; `value` is JSON."""

    TYPE: ClassVar[str] = "ErrorValue"

    name: str
    value: str


@dataclass(frozen=True)
class ErrorValue:
    """An error with a message and values."""

    TYPE: ClassVar[str] = "Error"

    message: str
    values: tuple[ErrorEntryValue, ...] = ()


@field("Query", "error")
def error(ctx: RequestContext, self: object, *, message: str) -> ErrorValue:
    return ErrorValue(message)


@field("Error", "withValue")
def with_value(ctx: RequestContext, self: ErrorValue, *, name: str, value: str) -> ErrorValue:
    try:
        json.loads(value)
    except ValueError as problem:
        raise EngineError(f"the value {name!r} of an error must be JSON: {problem}") from None
    return replace(self, values=(*self.values, ErrorEntryValue(name, value)))


@field("Container", "withError")
def container_with_error(ctx: RequestContext, self: ContainerValue, *, err: str) -> ContainerValue:
    if err:
        raise RaisedError(err)
    return self


@field("Directory", "withError")
def directory_with_error(ctx: RequestContext, self: DirectoryValue, *, err: str) -> DirectoryValue:
    if err:
        raise RaisedError(err)
    return self
