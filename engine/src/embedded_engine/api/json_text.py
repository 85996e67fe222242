"""JSON as Go reads and writes it: numbers are floats, keys sorted, and what HTML would read is escaped."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, NoReturn

_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def parse(text: str) -> Any:
    """The value of a JSON text; `ValueError` says why it is none."""
    return json.loads(text, parse_constant=_no_number)


def write(value: Any, indent: str | None = None, level: int = 0) -> str:
    """A value as JSON: without spaces, or with a line for each entry.

    >>> write({"b": [1e3, 0.1], "a": "<"}), write([{}], indent=" ")
    ('{"a":"\\\\u003c","b":[1000,0.1]}', '[\\n {}\\n]')
    """
    match value:
        case dict():
            colon = ":" if indent is None else ": "
            entries = [f"{_string(key)}{colon}{write(value[key], indent, level + 1)}" for key in sorted(value)]
            return _enclosed("{}", entries, indent, level)
        case list():
            return _enclosed("[]", [write(each, indent, level + 1) for each in value], indent, level)
        case str():
            return _string(value)
        case None | bool():
            return json.dumps(value)
        case _:
            return _number(float(value))


def _enclosed(brackets: str, entries: list[str], indent: str | None, level: int) -> str:
    if indent is None or not entries:
        return f"{brackets[0]}{','.join(entries)}{brackets[1]}"
    line = f"\n{indent * (level + 1)}"
    return f"{brackets[0]}{line}{f',{line}'.join(entries)}\n{indent * level}{brackets[1]}"


def _string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).translate(_ESCAPES)


def _number(number: float) -> str:
    """The shortest digits that are this float, with an exponent only where it is very large or small."""
    digits = Decimal(repr(number))
    if number and not 1e-6 <= abs(number) < 1e21:
        mantissa, _, exponent = repr(number).partition("e")
        return f"{mantissa.removesuffix('.0')}e{int(exponent):+d}"
    return f"{digits.normalize():f}"


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"invalid character {name[0]!r} looking for beginning of value")
