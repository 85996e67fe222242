"""Objects of modules as values of the API: a type and the state that the module's own code gave them."""

from __future__ import annotations

import functools
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from embedded_engine.api.definitions import INTERFACE, LIST, OBJECT, Function, ObjectTypeDef, TypeDef
from embedded_engine.binding import ApiValue, RequestContext, Resolver, snake_case
from embedded_engine.served.names import NamedModule, field_name

Call = Callable[[Function, str, Mapping[str, Any], Mapping[str, Any]], Awaitable[Any]]
"""Calls a function of an object (by name; the constructor has none) in a state; everything is JSON, objects are ids."""


@dataclass(frozen=True)
class ModuleObject:
    """An object of a module. Each of its types is a class of its own, made by `object_class`; `state` is JSON."""

    TYPE: ClassVar[str]

    state: str


@functools.cache
def object_class(name: str) -> type[ModuleObject]:
    """The class of the objects of a type, by its name on the API."""
    return type(name, (ModuleObject,), {"TYPE": name, "__module__": __name__})


def resolvers(module: NamedModule, call: Call) -> Iterator[tuple[tuple[str, str], Resolver]]:
    """What answers for the fields of a module's objects, and for the field of Query that makes the main one."""
    bridge = _Bridge(module, call)
    for each in module.definition.objects:
        if not isinstance(each.definition, ObjectTypeDef):
            continue
        name = module.api_name(each.name)
        for field in each.definition.fields:
            yield (name, field_name(field.name)), bridge.reader(field.name, field.type_def)
        for function in each.definition.functions:
            yield (name, field_name(function.name)), bridge.caller(each.name, function, function.return_type)
    if (main := module.main) is not None:
        made = TypeDef(OBJECT, definition=main)
        constructor = main.constructor or Function("", made)
        yield ("Query", field_name(module.name)), bridge.caller(main.name, constructor, made)


class _Bridge:
    """Between values of the API and what a module takes and gives: JSON, in which objects of the core API are ids."""

    def __init__(self, module: NamedModule, call: Call) -> None:
        self._module = module
        self._call = call

    def reader(self, name: str, type_def: TypeDef) -> Resolver:
        """Read a field of an object's state."""

        def read(ctx: RequestContext, value: ModuleObject) -> Any:
            return self._given(ctx, type_def, json.loads(value.state).get(name))

        return read

    def caller(self, object_name: str, function: Function, returned: TypeDef) -> Resolver:
        """Call a function of an object."""
        args = {snake_case(field_name(arg.name)): arg for arg in function.args}

        async def call(ctx: RequestContext, value: object, **arguments: Any) -> Any:
            state = json.loads(value.state) if isinstance(value, ModuleObject) else {}
            inputs = {args[key].name: self._taken(ctx, args[key].type_def, each) for key, each in arguments.items()}
            return self._given(ctx, returned, await self._call(function, object_name, state, inputs))

        return call

    def _taken(self, ctx: RequestContext, type_def: TypeDef, value: Any) -> Any:
        """A value of the API as the module takes it: its own objects by their state, all others by id."""
        if value is None:
            return None
        if type_def.kind == LIST and type_def.element is not None:
            element = type_def.element
            return [self._taken(ctx, element, each) for each in value]
        if type_def.kind == OBJECT and isinstance(value, ModuleObject):
            return json.loads(value.state)
        if type_def.kind in (OBJECT, INTERFACE):
            return ctx.objects.put(value)
        return value

    def _given(self, ctx: RequestContext, type_def: TypeDef, value: Any) -> Any:
        """What the module gave as a value of the API."""
        if value is None:
            return None
        if type_def.kind == LIST and type_def.element is not None:
            element = type_def.element
            return [self._given(ctx, element, each) for each in value]
        if type_def.kind == OBJECT and self._module.owns(type_def.name):
            return self.object(type_def.name, value)
        if type_def.kind in (OBJECT, INTERFACE):
            return ctx.objects.get(value)
        return value

    def object(self, name: str, state: Any) -> ApiValue:
        """An object of the module in a state."""
        return object_class(self._module.api_name(name))(json.dumps(state, sort_keys=True))
