"""The types of modules in GraphQL's schema definition language, to stand beside those of the core API."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from embedded_engine.api.definitions import (
    BOOLEAN,
    ENUM,
    FLOAT,
    INTEGER,
    INTERFACE,
    LIST,
    OBJECT,
    STRING,
    VOID,
    EnumTypeDef,
    Function,
    FunctionArg,
    InterfaceTypeDef,
    ObjectTypeDef,
    TypeDef,
)
from embedded_engine.served.names import NamedModule, field_name

_PLAIN = {STRING: "String", INTEGER: "Int", FLOAT: "Float", BOOLEAN: "Boolean", VOID: "Void"}


def schema_of(modules: Sequence[NamedModule], hidden: Sequence[NamedModule] = ()) -> str:
    """The types of these modules, and for each that is not hidden a field of Query that makes its main object."""
    interfaces = [
        (module.api_name(each.name), each.definition)
        for module in (*modules, *hidden)
        for each in module.definition.interfaces
        if isinstance(each.definition, InterfaceTypeDef)
    ]
    parts = []
    for module in (*modules, *hidden):
        writer = _Writer(module)
        for each in module.types():
            match each.definition:
                case ObjectTypeDef() as found:
                    also = [name for name, interface in interfaces if _has_all(found, interface)]
                    parts.append(writer.object(found, also))
                case InterfaceTypeDef() as found:
                    parts.append(writer.interface(found))
                case EnumTypeDef() as found:
                    parts.append(writer.enum(found))
                case _:
                    pass
        if module not in hidden and (main := module.main) is not None:
            made = TypeDef(OBJECT, definition=main)
            constructor = main.constructor or Function("", made)
            parts.append(f"extend type Query {{\n{writer.field(module.name, constructor, made)}}}\n")
    return "\n".join(parts)


class _Writer:
    """Writes the types of one module."""

    def __init__(self, module: NamedModule) -> None:
        self._module = module

    def object(self, definition: ObjectTypeDef, interfaces: Iterable[str]) -> str:
        implements = " & ".join(["Node", *interfaces])
        fields = "".join(self.field(each.name, each) for each in definition.callables())
        return self._composite("type", definition, f" implements {implements}", fields)

    def interface(self, definition: InterfaceTypeDef) -> str:
        fields = "".join(self.field(each.name, each) for each in definition.functions)
        return self._composite("interface", definition, " implements Node", fields)

    def enum(self, definition: EnumTypeDef) -> str:
        members = "".join(f"  {_described(each.description)}{each.name}\n" for each in definition.members)
        name = self._module.api_name(definition.name)
        return f"{_described(definition.description)}enum {name} {{\n{members}}}\n"

    def field(self, name: str, function: Function, returned: TypeDef | None = None) -> str:
        arguments = ", ".join(self._argument(each) for each in function.args)
        type_ref = self._output(returned or function.return_type)
        deprecated = f" @deprecated(reason: {json.dumps(function.deprecated)})" if function.deprecated else ""
        signature = f"({arguments})" if arguments else ""
        return f"  {_described(function.description)}{field_name(name)}{signature}: {type_ref}{deprecated}\n"

    def _composite(self, kind: str, definition: ObjectTypeDef | InterfaceTypeDef, implements: str, fields: str) -> str:
        name = self._module.api_name(definition.name)
        return f"{_described(definition.description)}{kind} {name}{implements} {{\n  id: ID!\n{fields}}}\n"

    def _argument(self, arg: FunctionArg) -> str:
        type_ref = self._input(arg.type_def)
        if not arg.required and arg.default_value is None:
            type_ref = type_ref.removesuffix("!")
        default = ""
        if arg.default_value is not None:
            default = f" = {_literal(json.loads(arg.default_value), arg.type_def)}"
        expected = ""
        if name := arg.type_def.object_name:
            expected = f' @expectedType(name: "{self._module.api_name(name)}")'
        return f"{_described(arg.description)}{field_name(arg.name)}: {type_ref}{default}{expected}"

    def _input(self, type_def: TypeDef) -> str:
        required = "" if type_def.optional else "!"
        if type_def.kind == LIST and type_def.element is not None:
            return f"[{self._input(type_def.element)}]{required}"
        name = "ID" if type_def.kind in (OBJECT, INTERFACE) else self._leaf(type_def)
        return f"{name}{required}"

    def _output(self, type_def: TypeDef) -> str:
        required = "" if type_def.optional or type_def.kind == VOID else "!"
        if type_def.kind == LIST and type_def.element is not None:
            return f"[{self._output(type_def.element)}]{required}"
        return f"{self._leaf(type_def)}{required}"

    def _leaf(self, type_def: TypeDef) -> str:
        return _PLAIN.get(type_def.kind) or self._module.api_name(type_def.name)


def _has_all(definition: ObjectTypeDef, interface: InterfaceTypeDef) -> bool:
    """An object is of every interface whose functions it has, wherever either is defined."""
    own = {field_name(each.name): {field_name(arg.name) for arg in each.args} for each in definition.callables()}
    return bool(interface.functions) and all(
        field_name(each.name) in own and {field_name(arg.name) for arg in each.args} <= own[field_name(each.name)]
        for each in interface.functions
    )


def _literal(value: Any, type_def: TypeDef) -> str:
    if value is None:
        return "null"
    if isinstance(value, list) and type_def.element is not None:
        return f"[{', '.join(_literal(each, type_def.element) for each in value)}]"
    return str(value) if type_def.kind == ENUM else json.dumps(value)


def _described(text: str) -> str:
    return f"{json.dumps(text)} " if text else ""


def type_names(modules: Sequence[NamedModule]) -> Iterator[str]:
    """The names that the modules add to the API."""
    yield from (module.api_name(each.name) for module in modules for each in module.types())
