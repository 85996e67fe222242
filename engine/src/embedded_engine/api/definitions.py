"""What a module defines: its objects, functions, arguments and enums, as the SDK registers them.

Names are the module's own (`with_report`, `SuiteReport`); on the API and the command line they appear in the case
that each of them uses. Nothing heavy is imported here: the command line reads these without the SDK.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

OBJECT, INTERFACE, ENUM, LIST, SCALAR = "OBJECT_KIND", "INTERFACE_KIND", "ENUM_KIND", "LIST_KIND", "SCALAR_KIND"
STRING, INTEGER, FLOAT, BOOLEAN, VOID = "STRING_KIND", "INTEGER_KIND", "FLOAT_KIND", "BOOLEAN_KIND", "VOID_KIND"


@dataclass(frozen=True)
class TypeDef:
    """A type, by kind. `definition` is what it is defined as (or, by name only, refers to); `element` is a list's."""

    TYPE: ClassVar[str] = "TypeDef"

    kind: str = VOID
    optional: bool = False
    element: TypeDef | None = None
    definition: ObjectTypeDef | InterfaceTypeDef | EnumTypeDef | ScalarTypeDef | None = None

    @property
    def name(self) -> str:
        """The name of an object, interface, enum or scalar; empty for what has none."""
        return self.definition.name if self.definition is not None else ""

    @property
    def object_name(self) -> str:
        """The name of the object or interface that this is, or is a list of; else empty."""
        if self.kind == LIST and self.element is not None:
            return self.element.object_name
        return self.name if self.kind in (OBJECT, INTERFACE) else ""


@dataclass(frozen=True)
class FunctionArg:
    """An argument. `default_value` is JSON; a default path or address makes it optional for the caller.

    So does `user_default`, the words that a `.env` file of whoever calls has for it; it goes before the others.
    """

    TYPE: ClassVar[str] = "FunctionArg"

    name: str
    type_def: TypeDef
    description: str = ""
    default_value: str | None = None
    default_path: str = ""
    default_address: str = ""
    ignore: tuple[str, ...] = ()
    deprecated: str | None = None
    user_default: str | None = None

    @property
    def required(self) -> bool:
        """Whether a caller must give it."""
        has_default = self.default_value is not None or self.default_path or self.default_address
        return not (self.type_def.optional or has_default or self.user_default is not None)


@dataclass(frozen=True)
class Function:
    """A function of an object; a constructor has an empty name."""

    TYPE: ClassVar[str] = "Function"

    name: str
    return_type: TypeDef
    description: str = ""
    args: tuple[FunctionArg, ...] = ()
    deprecated: str | None = None
    check: bool = False
    generator: bool = False
    up: bool = False
    cache_policy: str = "Default"
    time_to_live: str | None = None


@dataclass(frozen=True)
class FieldTypeDef:
    """A field of an object: to a caller, a function without arguments."""

    TYPE: ClassVar[str] = "FieldTypeDef"

    name: str
    type_def: TypeDef
    description: str = ""
    deprecated: str | None = None


@dataclass(frozen=True)
class ObjectTypeDef:
    """An object and what it can do."""

    TYPE: ClassVar[str] = "ObjectTypeDef"

    name: str
    description: str = ""
    fields: tuple[FieldTypeDef, ...] = ()
    functions: tuple[Function, ...] = ()
    constructor: Function | None = None
    deprecated: str | None = None

    def callables(self) -> Iterator[Function]:
        """Its functions, and its fields as functions without arguments."""
        for field in self.fields:
            yield Function(field.name, field.type_def, field.description, deprecated=field.deprecated)
        yield from self.functions


@dataclass(frozen=True)
class InterfaceTypeDef:
    """An interface: the functions that an object must have."""

    TYPE: ClassVar[str] = "InterfaceTypeDef"

    name: str
    description: str = ""
    functions: tuple[Function, ...] = ()


@dataclass(frozen=True)
class EnumValueTypeDef:
    """A member of an enum; callers use its name."""

    TYPE: ClassVar[str] = "EnumValueTypeDef"

    name: str
    value: str = ""
    description: str = ""
    deprecated: str | None = None


@dataclass(frozen=True)
class EnumTypeDef:
    """An enum."""

    TYPE: ClassVar[str] = "EnumTypeDef"

    name: str
    description: str = ""
    members: tuple[EnumValueTypeDef, ...] = ()


@dataclass(frozen=True)
class ScalarTypeDef:
    """A scalar with a name of its own, such as Platform."""

    TYPE: ClassVar[str] = "ScalarTypeDef"

    name: str
    description: str = ""


@dataclass(frozen=True)
class ListTypeDef:
    """A list, as the API shows it."""

    TYPE: ClassVar[str] = "ListTypeDef"

    element_type_def: TypeDef


@dataclass(frozen=True)
class Module:
    """Everything that a module registered."""

    TYPE: ClassVar[str] = "Module"

    name: str = ""
    description: str = ""
    objects: tuple[TypeDef, ...] = ()
    interfaces: tuple[TypeDef, ...] = ()
    enums: tuple[TypeDef, ...] = ()

    def object(self, name: str) -> ObjectTypeDef | None:
        """The module's object of that name, if it has one."""
        for each in self.objects:
            if each.name == name and isinstance(each.definition, ObjectTypeDef):
                return each.definition
        return None

    def interface(self, name: str) -> InterfaceTypeDef | None:
        """The module's interface of that name, if it has one."""
        for each in self.interfaces:
            if each.name == name and isinstance(each.definition, InterfaceTypeDef):
                return each.definition
        return None

    def enum(self, name: str) -> EnumTypeDef | None:
        """The module's enum of that name, if it has one."""
        for each in self.enums:
            if each.name == name and isinstance(each.definition, EnumTypeDef):
                return each.definition
        return None
