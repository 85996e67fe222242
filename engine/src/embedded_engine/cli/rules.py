"""What a module may not define, although its SDK lets it: Dagger refuses it too."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from embedded_engine.api.definitions import InterfaceTypeDef, Module, ObjectTypeDef, TypeDef
from embedded_engine.cli.errors import ModuleLoadError

RESERVED = "id"


def check_definitions(module: Module, core_types: Collection[str]) -> None:
    """Raise ModuleLoadError for what cannot be served: types and fields of the API's names, types of other modules."""
    for each in module.objects:
        if each.name in core_types:
            raise ModuleLoadError(
                f"the object type {each.name} is already defined by the core API: give it another name"
            )
    known = {*core_types, *(each.name for each in (*module.objects, *module.interfaces, *module.enums))}
    for definition in _definitions(module):
        kind = "interface" if isinstance(definition, InterfaceTypeDef) else "object"
        for what, name, verb, type_def in _mentions(definition):
            if name == RESERVED and verb != "take":
                raise ModuleLoadError(
                    f'cannot define {what} with reserved name "{RESERVED}" on {kind} "{definition.name}"'
                )
            mentioned = _innermost(type_def).name
            if mentioned and mentioned not in known:
                raise ModuleLoadError(
                    f'{kind} "{definition.name}" {what} "{name}" cannot {verb} {mentioned}, a type of another module'
                )


def _definitions(module: Module) -> Iterator[ObjectTypeDef | InterfaceTypeDef]:
    for each in (*module.objects, *module.interfaces):
        if isinstance(each.definition, ObjectTypeDef | InterfaceTypeDef):
            yield each.definition


def _mentions(definition: ObjectTypeDef | InterfaceTypeDef) -> Iterator[tuple[str, str, str, TypeDef]]:
    """What mentions a type: what it is, its name, what it does with the type, the type."""
    for field in definition.fields if isinstance(definition, ObjectTypeDef) else ():
        yield "field", field.name, "hold", field.type_def
    for function in definition.functions:
        yield "function", function.name, "return", function.return_type
        for arg in function.args:
            yield f'function "{function.name}" arg', arg.name, "take", arg.type_def


def _innermost(type_def: TypeDef) -> TypeDef:
    return _innermost(type_def.element) if type_def.element is not None else type_def
