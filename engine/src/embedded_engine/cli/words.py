"""The words of `ci call`: a chain of functions, each followed by its flags, as `dagger call` reads them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from embedded_engine.api.definitions import BOOLEAN, LIST, Function, FunctionArg, TypeDef
from embedded_engine.cli.errors import UsageError
from embedded_engine.cli.flags import parse_value
from embedded_engine.cli.naming import kebab_case, suggestion
from embedded_engine.cli.options import Options

FunctionsOf = Callable[[TypeDef], dict[str, Function] | None]
"""The functions of an object type by their name on the command line; None for what has no functions."""


@dataclass(frozen=True)
class Step:
    """One call of a chain: the function, and what its arguments were given. The first one is the constructor."""

    function: Function
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Chain:
    """What the words say: the calls, the options among them, and whether help was asked for instead."""

    steps: tuple[Step, ...]
    options: Options
    wants_help: bool = False


def parse_chain(words: Sequence[str], constructor: Function, functions_of: FunctionsOf, options: Options) -> Chain:
    """Read the words after `ci call`. Everything is checked before anything runs."""
    rest = list(words)
    steps: list[Step] = []
    function = constructor
    wants_help = False
    while True:
        step, rest, options, helped = _parse_step(function, rest, options)
        steps.append(step)
        wants_help = wants_help or helped
        if not rest:
            break
        function = _next(steps[-1].function, rest.pop(0), functions_of)
    if not wants_help:
        for step in steps:
            _require(step)
    return Chain(tuple(steps), options, wants_help)


def _parse_step(function: Function, words: list[str], options: Options) -> tuple[Step, list[str], Options, bool]:
    """Take a function's flags off the front of the words, up to the next word that is none."""
    known = {kebab_case(arg.name): arg for arg in function.args}
    given: dict[str, tuple[FunctionArg, list[str]]] = {}
    wants_help = False
    while words and words[0].startswith("-") and words[0] != "-":
        word = words.pop(0)
        if word == "--":
            continue
        name, separator, value = word.partition("=")
        arg = known.get(kebab_case(name[2:])) if name.startswith("--") else None
        if arg is not None:
            if not separator:
                value = "true" if _is_switch(arg.type_def) else _value_of(word, words)
            given.setdefault(arg.name, (arg, []))[1].append(value)
        elif word in ("--help", "-h"):
            wants_help = True
        elif (taken := options.take([word, *words])) is not None:
            options, count = taken
            del words[: count - 1]
        else:
            names = [f"--{name}" for name in known]
            raise UsageError(f"unknown flag {name} for {_shown(function)}{suggestion(name, names)}")
    arguments = {
        name: parse_value(f"--{kebab_case(name)}", arg.type_def, values) for name, (arg, values) in given.items()
    }
    return Step(function, arguments), words, options, wants_help


def _is_switch(type_def: TypeDef) -> bool:
    """A flag that is set by its name alone."""
    return type_def.kind == BOOLEAN


def _value_of(word: str, words: list[str]) -> str:
    if not words:
        raise UsageError(f"flag {word} needs a value")
    return words.pop(0)


def _next(function: Function, word: str, functions_of: FunctionsOf) -> Function:
    known = functions_of(function.return_type)
    if known is None:
        raise UsageError(
            f"{_shown(function)} returns {type_name(function.return_type)}: nothing can follow it, not {word!r}"
        )
    found = known.get(kebab_case(word))
    if found is None:
        where = "" if not function.name else f" of {type_name(function.return_type)}"
        hint = suggestion(word, known) or "; `ci functions` lists them"
        raise UsageError(f"unknown function {word!r}{where}{hint}")
    return found


def _require(step: Step) -> None:
    missing = [
        f"--{kebab_case(arg.name)}" for arg in step.function.args if arg.required and arg.name not in step.arguments
    ]
    if missing:
        raise UsageError(f"{_shown(step.function)} needs {', '.join(missing)}")


def _shown(function: Function) -> str:
    return kebab_case(function.name) if function.name else "the module"


def type_name(type_def: TypeDef) -> str:
    """A type as help shows it: `Directory`, `[]string`, `int`."""
    if type_def.kind == LIST and type_def.element is not None:
        return f"[]{type_name(type_def.element)}"
    return type_def.name or {"INTEGER_KIND": "int", "BOOLEAN_KIND": "bool"}.get(
        type_def.kind, type_def.kind.removesuffix("_KIND").lower()
    )
