"""The core API as the command line sees it: its types as definitions, its calls as one GraphQL query."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLType,
    StringValueNode,
)

from embedded_engine.api.definitions import (
    BOOLEAN,
    ENUM,
    FLOAT,
    INTEGER,
    INTERFACE,
    LIST,
    OBJECT,
    SCALAR,
    STRING,
    VOID,
    EnumTypeDef,
    EnumValueTypeDef,
    Function,
    FunctionArg,
    InterfaceTypeDef,
    ObjectTypeDef,
    ScalarTypeDef,
    TypeDef,
)
from embedded_engine.cli.words import Step
from embedded_engine.served.names import field_name

_PLAIN = {"String": STRING, "Int": INTEGER, "Float": FLOAT, "Boolean": BOOLEAN, "Void": VOID}


class CoreTypes:
    """The object types of the schema."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema

    def functions(self, type_name: str) -> list[Function]:
        """The fields of a type as functions; none for a type that is not known."""
        kind = self._schema.type_map.get(type_name)
        if not isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            return []
        return [
            Function(
                name,
                self._type_def(field.type, _expected(field.ast_node)),
                _unwrapped(field.description),
                tuple(
                    FunctionArg(
                        argument_name,
                        self._type_def(argument.type, _expected(argument.ast_node)),
                        _unwrapped(argument.description),
                    )
                    for argument_name, argument in field.args.items()
                ),
                deprecated=field.deprecation_reason,
            )
            for name, field in kind.fields.items()
        ]

    def enum(self, type_name: str) -> EnumTypeDef:
        """An enum with its members; without any for a name that is not known."""
        kind = self._schema.type_map.get(type_name)
        members = kind.values if isinstance(kind, GraphQLEnumType) else ()
        return EnumTypeDef(type_name, members=tuple(EnumValueTypeDef(member) for member in members))

    def has(self, type_name: str, function_name: str) -> bool:
        """Whether a type has a field of that name."""
        kind = self._schema.type_map.get(type_name)
        return isinstance(kind, GraphQLObjectType | GraphQLInterfaceType) and function_name in kind.fields

    def takes(self, type_name: str, function_name: str, argument_name: str) -> bool:
        """Whether that field has an argument of that name."""
        kind = self._schema.type_map.get(type_name)
        if not isinstance(kind, GraphQLObjectType | GraphQLInterfaceType) or function_name not in kind.fields:
            return False
        return argument_name in kind.fields[function_name].args

    def _type_def(self, kind: GraphQLType, expected: str) -> TypeDef:
        if isinstance(kind, GraphQLNonNull):
            inner = self._type_def(kind.of_type, expected)
            return TypeDef(inner.kind, False, inner.element, inner.definition)
        if isinstance(kind, GraphQLList):
            return TypeDef(LIST, True, self._type_def(kind.of_type, expected))
        name = expected or getattr(kind, "name", "")
        named = self._schema.type_map[name]
        if isinstance(named, GraphQLObjectType):
            return TypeDef(OBJECT, True, definition=ObjectTypeDef(name))
        if isinstance(named, GraphQLInterfaceType):
            return TypeDef(INTERFACE, True, definition=InterfaceTypeDef(name))
        if isinstance(named, GraphQLEnumType):
            return TypeDef(ENUM, True, definition=self.enum(name))
        if name in _PLAIN:
            return TypeDef(_PLAIN[name], True)
        return TypeDef(SCALAR, True, definition=ScalarTypeDef(name))


def chain_query(object_id: str, type_name: str, calls: Sequence[Step], leaf: str) -> str:
    """A query that loads an object, makes the calls one after the other, and selects `leaf` at the end.

    The values of the calls' arguments are ids already where they are objects.
    """
    selection = leaf
    for call in reversed(calls):
        arguments = {arg.name: arg for arg in call.function.args}
        given = ", ".join(
            f"{field_name(name)}: {_literal(value, arguments[name].type_def)}" for name, value in call.arguments.items()
        )
        selection = f"{field_name(call.function.name)}{f'({given})' if given else ''}{f' {{ {selection} }}' if selection else ''}"
    return f"{{ node(id: {json.dumps(object_id)}) {{ ... on {type_name} {{ {selection} }} }} }}"


def chain_result(answer: Mapping[str, Any], calls: Sequence[Step], leaf: str) -> Any:
    """What the query's answer holds at the end of the chain; a list on the way makes a list of results."""
    return _dig(answer["node"], [field_name(call.function.name) for call in calls] + ([_name_of(leaf)] if leaf else []))


def _dig(value: Any, names: Sequence[str]) -> Any:
    if not names or value is None:
        return value
    if isinstance(value, list):
        return [_dig(each, names) for each in value]
    return _dig(value[names[0]], names[1:])


def _name_of(leaf: str) -> str:
    return leaf.partition("(")[0]


def _literal(value: Any, type_def: TypeDef) -> str:
    if type_def.kind == LIST and type_def.element is not None:
        return f"[{', '.join(_literal(each, type_def.element) for each in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name}: {json.dumps(each)}' for name, each in value.items())}}}"
    return str(value) if type_def.kind == ENUM else json.dumps(value)


def _unwrapped(description: str | None) -> str:
    """A description whose paragraphs are a line each: the client's code has them broken."""
    return "\n\n".join(" ".join(part.split()) for part in (description or "").split("\n\n"))


def _expected(node: Any) -> str:
    for directive in (node.directives if node is not None else None) or ():
        for argument in directive.arguments or ():
            if directive.name.value == "expectedType" and isinstance(argument.value, StringValueNode):
                return argument.value.value
    return ""
