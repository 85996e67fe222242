"""Type definitions: what an SDK calls to register a module, and what anyone may read of it afterwards."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, TypeVar

from embedded_engine.api.definitions import (
    ENUM,
    INTERFACE,
    LIST,
    OBJECT,
    SCALAR,
    EnumTypeDef,
    EnumValueTypeDef,
    FieldTypeDef,
    Function,
    FunctionArg,
    InterfaceTypeDef,
    ListTypeDef,
    Module,
    ObjectTypeDef,
    ScalarTypeDef,
    TypeDef,
)
from embedded_engine.binding import RequestContext, attributes, field
from embedded_engine.errors import EngineError

KindT = TypeVar("KindT")


class DefinitionError(EngineError):
    """A definition that makes no sense, such as a member of something that is no enum."""


attributes("TypeDef", "kind", "optional", "name")
attributes("ListTypeDef", "elementTypeDef")
attributes("FunctionArg", "description", "defaultPath", "defaultAddress", "ignore", "deprecated", "typeDef")
attributes("Function", "description", "args", "returnType", "deprecated")
attributes("FieldTypeDef", "description", "typeDef", "deprecated")
attributes("ObjectTypeDef", "name", "description", "fields", "functions", "constructor", "deprecated")
attributes("InterfaceTypeDef", "name", "description", "functions")
attributes("EnumTypeDef", "name", "description", "members")
attributes("EnumValueTypeDef", "name", "value", "description", "deprecated")
attributes("ScalarTypeDef", "name", "description")
attributes("Module", "name", "description", "objects", "interfaces", "enums")


@field("Query", "typeDef")
def type_def(_ctx: RequestContext, _root: object) -> TypeDef:
    """A type of no kind yet."""
    return TypeDef()


@field("Query", "function")
def function(_ctx: RequestContext, _root: object, *, name: str, return_type: TypeDef) -> Function:
    """A function of that name, without arguments yet."""
    return Function(name, return_type)


@field("Query", "module")
def module(_ctx: RequestContext, _root: object) -> Module:
    """A module that defines nothing yet."""
    return Module()


@field("TypeDef", "withKind")
def with_kind(_ctx: RequestContext, self: TypeDef, *, kind: str) -> TypeDef:
    """A type of that kind."""
    return replace(self, kind=kind)


@field("TypeDef", "withOptional")
def with_optional(_ctx: RequestContext, self: TypeDef, *, optional: bool) -> TypeDef:
    """A type that may be null, or not."""
    return replace(self, optional=optional)


@field("TypeDef", "withListOf")
def with_list_of(_ctx: RequestContext, self: TypeDef, *, element_type: TypeDef) -> TypeDef:
    """A list."""
    return replace(self, kind=LIST, element=element_type)


@field("TypeDef", "withScalar")
def with_scalar(_ctx: RequestContext, self: TypeDef, *, name: str, description: str = "") -> TypeDef:
    """A scalar with a name."""
    return replace(self, kind=SCALAR, definition=ScalarTypeDef(name, description))


@field("TypeDef", "withObject")
def with_object(
    _ctx: RequestContext,
    self: TypeDef,
    *,
    name: str,
    description: str = "",
    deprecated: str | None = None,
    **_source: Any,
) -> TypeDef:
    """An object, or, by its name, a reference to one."""
    return replace(self, kind=OBJECT, definition=ObjectTypeDef(name, description, deprecated=deprecated))


@field("TypeDef", "withInterface")
def with_interface(_ctx: RequestContext, self: TypeDef, *, name: str, description: str = "", **_source: Any) -> TypeDef:
    """An interface, or, by its name, a reference to one."""
    return replace(self, kind=INTERFACE, definition=InterfaceTypeDef(name, description))


@field("TypeDef", "withEnum")
def with_enum(_ctx: RequestContext, self: TypeDef, *, name: str, description: str = "", **_source: Any) -> TypeDef:
    """An enum, or, by its name, a reference to one."""
    return replace(self, kind=ENUM, definition=EnumTypeDef(name, description))


@field("TypeDef", "withEnumMember")
def with_enum_member(
    _ctx: RequestContext,
    self: TypeDef,
    *,
    name: str,
    value: str = "",
    description: str = "",
    deprecated: str | None = None,
    **_source: Any,
) -> TypeDef:
    """An enum with one more member."""
    defined = _defined(self, EnumTypeDef, "an enum")
    member = EnumValueTypeDef(name, value or name, description, deprecated)
    return replace(self, definition=replace(defined, members=(*defined.members, member)))


@field("TypeDef", "withField")
def with_field(
    _ctx: RequestContext,
    self: TypeDef,
    *,
    name: str,
    type_def: TypeDef,
    description: str = "",
    deprecated: str | None = None,
    **_source: Any,
) -> TypeDef:
    """An object with one more field."""
    defined = _defined(self, ObjectTypeDef, "an object")
    added = FieldTypeDef(name, type_def, description, deprecated)
    return replace(self, definition=replace(defined, fields=(*defined.fields, added)))


@field("TypeDef", "withFunction")
def with_function(_ctx: RequestContext, self: TypeDef, *, function: Function) -> TypeDef:
    """An object or interface with one more function."""
    if isinstance(self.definition, InterfaceTypeDef):
        return replace(self, definition=replace(self.definition, functions=(*self.definition.functions, function)))
    defined = _defined(self, ObjectTypeDef, "an object")
    return replace(self, definition=replace(defined, functions=(*defined.functions, function)))


@field("TypeDef", "withConstructor")
def with_constructor(_ctx: RequestContext, self: TypeDef, *, function: Function) -> TypeDef:
    """An object with its constructor, whose name is always empty."""
    defined = _defined(self, ObjectTypeDef, "an object")
    return replace(self, definition=replace(defined, constructor=replace(function, name="")))


@field("Function", "withArg")
def with_arg(_ctx: RequestContext, self: Function, *, ignore: tuple[str, ...] = (), **given: Any) -> Function:
    """A function with one more argument."""
    given.pop("source_map", None)
    return replace(self, args=(*self.args, FunctionArg(ignore=ignore, **given)))


@field("Function", "withDescription")
def with_description(_ctx: RequestContext, self: Function, *, description: str) -> Function:
    """A function with its documentation."""
    return replace(self, description=description)


@field("Function", "withDeprecated")
def with_deprecated(_ctx: RequestContext, self: Function, *, reason: str = "") -> Function:
    """A function that callers should leave, and why."""
    return replace(self, deprecated=reason)


@field("Function", "withCachePolicy")
def with_cache_policy(
    _ctx: RequestContext, self: Function, *, policy: str, time_to_live: str | None = None
) -> Function:
    """A function with its cache policy. Recorded only: here a body runs at each call."""
    return replace(self, cache_policy=policy, time_to_live=time_to_live)


@field("Function", "withCheck")
def with_check(_ctx: RequestContext, self: Function) -> Function:
    """A function that is a check."""
    return replace(self, check=True)


@field("Function", "withGenerator")
def with_generator(_ctx: RequestContext, self: Function) -> Function:
    """A function that generates files."""
    return replace(self, generator=True)


@field("Function", "withUp")
def with_up(_ctx: RequestContext, self: Function) -> Function:
    """A function that returns a service to bring up."""
    return replace(self, up=True)


@field("Module", "withDescription")
def module_with_description(_ctx: RequestContext, self: Module, *, description: str) -> Module:
    """A module with its documentation."""
    return replace(self, description=description)


@field("Module", "withObject")
def module_with_object(_ctx: RequestContext, self: Module, *, object: TypeDef) -> Module:
    """A module with one more object."""
    return replace(self, objects=(*self.objects, object))


@field("Module", "withInterface")
def module_with_interface(_ctx: RequestContext, self: Module, *, iface: TypeDef) -> Module:
    """A module with one more interface."""
    return replace(self, interfaces=(*self.interfaces, iface))


@field("Module", "withEnum")
def module_with_enum(_ctx: RequestContext, self: Module, *, enum: TypeDef) -> Module:
    """A module with one more enum."""
    return replace(self, enums=(*self.enums, enum))


@field("Module", "sync")
def module_sync(_ctx: RequestContext, self: Module) -> Module:
    """The module: there is nothing lazy about it."""
    return self


@field("TypeDef", "asList")
def as_list(_ctx: RequestContext, self: TypeDef) -> ListTypeDef | None:
    """The list that it is, if it is one."""
    return ListTypeDef(self.element) if self.element is not None else None


def _as(kind: str, definition: type[object]) -> None:
    @field("TypeDef", kind)
    def narrowed(_ctx: RequestContext, self: TypeDef) -> object | None:
        return self.definition if isinstance(self.definition, definition) else None

    narrowed.__qualname__ = kind


_as("asObject", ObjectTypeDef)
_as("asInterface", InterfaceTypeDef)
_as("asEnum", EnumTypeDef)
_as("asScalar", ScalarTypeDef)
_as("asInput", ListTypeDef)  # no module defines an input


@field("EnumTypeDef", "values")
def enum_values(_ctx: RequestContext, self: EnumTypeDef) -> tuple[EnumValueTypeDef, ...]:
    """Its members, by the older name."""
    return self.members


@field("FunctionArg", "defaultValue")
def default_value(_ctx: RequestContext, self: FunctionArg) -> str:
    """The default as JSON; empty without one."""
    return self.default_value or ""


def _camel_cased(type_name: str) -> None:
    @field(type_name, "name")
    def name(_ctx: RequestContext, self: Any) -> str:
        return camel_case(self.name)

    name.__qualname__ = type_name


for _type_name in ("Function", "FunctionArg", "FieldTypeDef"):
    _camel_cased(_type_name)


def camel_case(name: str) -> str:
    """A Python name as the API writes it.

    >>> camel_case("with_report"), camel_case("build")
    ('withReport', 'build')
    """
    return re.sub(r"_+([A-Za-z0-9])", lambda letter: letter[1].upper(), name)


def _defined(type_def: TypeDef, kind: type[KindT], what: str) -> KindT:
    if not isinstance(type_def.definition, kind):
        raise DefinitionError(f"the type {type_def.name or type_def.kind} is not {what}")
    return type_def.definition
