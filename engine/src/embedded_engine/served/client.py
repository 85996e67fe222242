"""The SDK's client with the modules that another one depends on: classes as its code generator writes them."""

from __future__ import annotations

import builtins
import json
import keyword
from collections.abc import Iterator, Sequence

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
from embedded_engine.binding import snake_case
from embedded_engine.served.names import NamedModule, field_name

_PLAIN = {STRING: "str", INTEGER: "int", FLOAT: "float", BOOLEAN: "bool", VOID: "None"}
_HIDDEN = frozenset({"str", "int", "float", "bool", "list", "tuple", "dict", "set", "type", "id"}) & set(dir(builtins))
_HEAD = """\
from __future__ import annotations

from dagger.client import gen as _core
from dagger.client.base import Enum, Type
from dagger.client._core import Arg
from dagger.client.gen import *
"""


def client_of(modules: Sequence[NamedModule]) -> str:
    """The source of a module that has all of `dagger.client.gen` and the types of these modules."""
    parts = [_HEAD]
    names: list[str] = []
    for module in modules:
        writer = _Writer(module)
        for each in module.types():
            name = module.api_name(each.name)
            names.append(name)
            match each.definition:
                case EnumTypeDef() as found:
                    members = "".join(f"    {one.name} = {one.value or one.name!r}\n" for one in found.members)
                    parts.append(f"class {name}(Enum):\n{members}")
                case ObjectTypeDef() as found:
                    parts.append(writer.type(name, found.callables()))
                case InterfaceTypeDef() as found:
                    parts.append(writer.type(name, found.functions))
                case _:
                    pass
        if (main := module.main) is not None:
            made = TypeDef(OBJECT, definition=main)
            method = writer.method(module.name, main.constructor or Function("", made), made, indent="")
            parts.append(f"{method}Client.{_python(field_name(module.name))} = {_python(field_name(module.name))}\n")
    parts.append(f"__all__ = [*_core.__all__, {', '.join(map(repr, names))}]\n")
    return "\n".join(parts)


class _Writer:
    """Writes the classes of one module."""

    def __init__(self, module: NamedModule) -> None:
        self._module = module

    def type(self, name: str, functions: Iterator[Function] | Sequence[Function]) -> str:
        body = "".join(self.method(each.name, each, each.return_type) for each in functions)
        identity = "    async def id(self) -> str:\n        return await self._select('id', []).execute(str)\n"
        return f"class {name}(Type):\n{identity}{body}"

    def method(self, name: str, function: Function, returned: TypeDef, indent: str = "    ") -> str:
        required = [arg for arg in function.args if arg.required]
        optional = [arg for arg in function.args if not arg.required]
        star = ["*"] if optional else []
        parameters = ["self", *map(self._parameter, required), *star, *map(self._parameter, optional)]
        args = ", ".join(map(_argument, [*required, *optional]))
        selected = f"self._select({field_name(name)!r}, [{args}])"
        listed = returned.element
        if returned.kind == LIST and listed is not None and listed.kind in (OBJECT, INTERFACE):
            body, prefix = f"return await {selected}.execute_object_list({self._leaf(listed)})", "async "
        elif returned.kind in (OBJECT, INTERFACE):
            body, prefix = f"return {self._leaf(returned)}({selected})", ""
        elif returned.kind == VOID:
            body, prefix = f"await {selected}.execute()", "async "
        else:
            body, prefix = f"return await {selected}.execute({self._hint(returned)})", "async "
        lines = [f"{prefix}def {_python(field_name(name))}({', '.join(parameters)}) -> {self._hint(returned)!r}:"]
        lines += [f"    {json.dumps(function.description)}"] if function.description else []
        return "".join(f"{indent}{line}\n" for line in (*lines, f"    {body}"))

    def _parameter(self, arg: FunctionArg) -> str:
        default = "" if arg.required else f" = {_default(arg)}"
        return f"{_python(field_name(arg.name))}: {self._hint(arg.type_def)!r}{default}"

    def _hint(self, type_def: TypeDef) -> str:
        hint = self._leaf(type_def)
        if type_def.kind == LIST and type_def.element is not None:
            hint = f"list[{self._hint(type_def.element)}]"
        return f"{hint} | None" if type_def.optional and type_def.kind != VOID else hint

    def _leaf(self, type_def: TypeDef) -> str:
        return _PLAIN.get(type_def.kind) or self._module.api_name(type_def.name)


def _argument(arg: FunctionArg) -> str:
    given = f"{field_name(arg.name)!r}, {_python(field_name(arg.name))}"
    return f"Arg({given})" if arg.required else f"Arg({given}, {_default(arg)})"


def _default(arg: FunctionArg) -> str:
    """The default where the client must know it; else it is left to the module."""
    if arg.default_value is None or arg.type_def.kind == ENUM:
        return "None"
    value = json.loads(arg.default_value)
    return "None" if isinstance(value, list | dict) else repr(value)


def _python(name: str) -> str:
    snake = snake_case(name)
    return f"{snake}_" if keyword.iskeyword(snake) or snake in _HIDDEN - {"id", "type"} else snake
