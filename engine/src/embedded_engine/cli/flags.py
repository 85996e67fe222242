"""The values of flags: what a word means for an argument of a type. Objects stay references until something runs."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from embedded_engine.api.definitions import (
    BOOLEAN,
    ENUM,
    FLOAT,
    INTEGER,
    LIST,
    OBJECT,
    SCALAR,
    STRING,
    EnumTypeDef,
    TypeDef,
)
from embedded_engine.cli.errors import UsageError
from embedded_engine.cli.naming import suggestion

ADDRESSED = frozenset(
    {"CacheVolume", "Container", "Directory", "File", "GitRef", "GitRepository", "Secret", "Service", "Socket"}
)
"""The object types of the API that a word can name."""

_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})


@dataclass(frozen=True)
class Reference:
    """An object that a word names, of one of the types in ADDRESSED; it is made when the chain runs."""

    kind: str
    address: str


def parse_value(flag: str, type_def: TypeDef, words: Sequence[str]) -> Any:
    """What the words given to a flag mean; a list takes them all, anything else the last."""
    if type_def.kind == LIST and type_def.element is not None:
        element = type_def.element
        return [_parse(flag, element, part) for word in words for part in _split(word)]
    return _parse(flag, type_def, words[-1])


def parse_words(name: str, type_def: TypeDef, text: str) -> Any:
    """What one text means where no flag was given; a list may be JSON."""
    if type_def.kind == LIST and text.lstrip().startswith("["):
        try:
            return parse_value(name, type_def, [_quoted(each) for each in json.loads(text)])
        except ValueError as error:
            raise UsageError(f"{name} takes a list, and {text!r} is none: {error}") from None
    return parse_value(name, type_def, [text])


def _quoted(value: Any) -> str:
    """One element as a list of words has it."""
    text = value if isinstance(value, str) else json.dumps(value)
    return '"{}"'.format(text.replace('"', '""'))


def _parse(flag: str, type_def: TypeDef, word: str) -> Any:
    if type_def.kind == OBJECT and type_def.name in ADDRESSED:
        if not word:
            raise UsageError(f"{flag} needs the address of a {type_def.name}, not nothing")
        return Reference(type_def.name, word)
    parser = _PARSERS.get(type_def.kind)
    if parser is None:
        raise UsageError(f"{flag} takes a {type_def.name or type_def.kind}, which cannot be given on the command line")
    return parser(flag, type_def, word)


def _string(_flag: str, _type_def: TypeDef, word: str) -> str:
    return word


def _integer(flag: str, _type_def: TypeDef, word: str) -> int:
    digits = word.lstrip("+-")
    # A zero in front makes it octal, as in C.
    prefixed = f"{word[: len(word) - len(digits)]}0o{digits}" if digits.isdecimal() and digits[0] == "0" else word
    try:
        return int(prefixed, 0)
    except ValueError:
        raise UsageError(f"{flag} takes a whole number, not {word!r}") from None


def _float(flag: str, _type_def: TypeDef, word: str) -> float:
    try:
        number = float(word)
    except ValueError:
        raise UsageError(f"{flag} takes a number, not {word!r}") from None
    if not math.isfinite(number):
        raise UsageError(f"{flag} takes a finite number, not {word!r}")
    return number


def _boolean(flag: str, _type_def: TypeDef, word: str) -> bool:
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise UsageError(f"{flag} takes true or false, not {word!r}")


def _enum(flag: str, type_def: TypeDef, word: str) -> str:
    members = type_def.definition.members if isinstance(type_def.definition, EnumTypeDef) else ()
    for member in members:
        if member.name.casefold() == word.casefold():
            return member.name
    names = [member.name for member in members]
    raise UsageError(f"{flag} takes one of {', '.join(names)}, not {word!r}{_meant(word, names)}")


def _scalar(flag: str, type_def: TypeDef, word: str) -> str | dict[str, Any]:
    """What is no type of its own on the command line: a scalar, or one of the inputs that fit in a word."""
    if type_def.name == "Platform" and word == "current":
        from embedded_engine.images.config import ImageConfig

        return ImageConfig().platform
    if type_def.name == "JSON":
        try:
            json.loads(word)
        except ValueError as error:
            raise UsageError(f"{flag} takes JSON, and {word!r} is none: {error}") from None
    if type_def.name == "PortForward":
        frontend, _, backend = word.partition(":")
        if not (frontend.isdecimal() and backend.isdecimal()):
            raise UsageError(f"{flag} takes two ports, such as 8080:80, not {word!r}")
        return {"frontend": int(frontend), "backend": int(backend)}
    if type_def.name == "BuildArg":
        name, separator, value = word.partition("=")
        if not (name and separator):
            raise UsageError(f"{flag} takes NAME=VALUE, not {word!r}")
        return {"name": name, "value": value}
    return word


def _meant(word: str, names: Sequence[str]) -> str:
    return suggestion(word.upper(), names) if len(names) > 12 else ""


def _split(word: str) -> list[str]:
    """A list in one word: separated by commas, quoted as in CSV."""
    if not word:
        return []
    return next(csv.reader([word], skipinitialspace=False), [])


_PARSERS: dict[str, Callable[[str, TypeDef, str], Any]] = {
    STRING: _string,
    INTEGER: _integer,
    FLOAT: _float,
    BOOLEAN: _boolean,
    ENUM: _enum,
    SCALAR: _scalar,
}


def can_be_given(type_def: TypeDef) -> bool:
    """Whether the command line has a way to give a value of this type."""
    if type_def.kind == LIST:
        return type_def.element is not None and type_def.element.kind != LIST and can_be_given(type_def.element)
    return type_def.kind in _PARSERS or (type_def.kind == OBJECT and type_def.name in ADDRESSED)
