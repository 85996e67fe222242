"""What a function returned, held against its signature: a language without checks returns what it likes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from embedded_engine.api.definitions import BOOLEAN, ENUM, FLOAT, INTEGER, LIST, STRING, TypeDef
from embedded_engine.cli.errors import FunctionError

_TRUE, _FALSE = ("1", "t", "T", "TRUE", "true", "True"), ("0", "f", "F", "FALSE", "false", "False")
_EMPTY: dict[str, Any] = {STRING: "", INTEGER: 0, FLOAT: 0.0, BOOLEAN: False, LIST: []}


def held(value: Any, type_def: TypeDef, what: str) -> Any:
    """The value as Dagger takes it: text that reads as a number is one, nothing is the empty value of its type.

    Raises FunctionError for what cannot be taken for the type.
    """
    if value is None:
        return None if type_def.optional else _EMPTY.get(type_def.kind)
    if type_def.kind == LIST and type_def.element is not None:
        if not isinstance(value, list):
            raise _mismatch(value, "a list", what)
        element = type_def.element
        return [held(each, element, what) for each in value]
    take, name = _TAKEN.get(type_def.kind, (lambda given: given, ""))
    try:
        return take(value)
    except ValueError:
        raise _mismatch(value, name, what) from None


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError
    return value


def _integer(value: Any) -> int:
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise ValueError
    return int(value, 0) if isinstance(value, str) else int(value)


def _float(value: Any) -> float:
    if isinstance(value, bool):
        raise ValueError
    return float(value)


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in _TRUE + _FALSE:
        return value in _TRUE
    raise ValueError


_TAKEN: dict[str, tuple[Callable[[Any], Any], str]] = {
    STRING: (_string, "a string"),
    ENUM: (_string, "a member's name"),
    INTEGER: (_integer, "a whole number"),
    FLOAT: (_float, "a number"),
    BOOLEAN: (_boolean, "true or false"),
}


def _mismatch(value: Any, name: str, what: str) -> FunctionError:
    return FunctionError(f"what {what} returned is not what its signature says: {value!r:.80} is not {name}")
