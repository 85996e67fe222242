"""Every type that a chain can pass through: the module's own, and those of the core API."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from embedded_engine.api.definitions import ENUM, EnumTypeDef, Function, Module, ObjectTypeDef, TypeDef
from embedded_engine.cli.errors import ModuleLoadError
from embedded_engine.cli.flags import can_be_given
from embedded_engine.cli.naming import kebab_case
from embedded_engine.served.names import type_name

if TYPE_CHECKING:
    from embedded_engine.cli.core import CoreTypes

CORE_HIDDEN = frozenset({"id"})


class Catalog:
    """The functions of types. The core schema is loaded only when a chain reaches one of its types."""

    def __init__(
        self, module: Module, main_object: str, load_core: Callable[[], CoreTypes], prefix: tuple[str, ...] = ()
    ) -> None:
        self.module = module
        self.prefix = prefix
        """The words that lead to the module: a toolchain's name."""
        self.main_object = main_object
        self._load_core = load_core

    @cached_property
    def core(self) -> CoreTypes:
        """The types of the core API."""
        return self._load_core()

    @cached_property
    def main(self) -> ObjectTypeDef:
        """The module's main object."""
        found = self.module.object(self.main_object)
        if found is None:
            raise ModuleLoadError(f"the module has no object type {self.main_object}")
        return found

    @cached_property
    def constructor(self) -> Function:
        """What makes the main object."""
        made = TypeDef("OBJECT_KIND", definition=ObjectTypeDef(self.main_object))
        constructor = self.main.constructor or Function("", made)
        return self._resolved(replace(constructor, name="", return_type=made))

    def api_name(self, object_name: str) -> str:
        """The name on the API of a type that a chain has reached."""
        if self.module.interface(object_name) is None:
            return object_name
        return type_name(self.main_object, object_name)

    def is_core(self, object_name: str) -> bool:
        """Whether an object type is the API's and not the module's."""
        return self.module.object(object_name) is None

    def functions_of(self, type_def: TypeDef) -> dict[str, Function] | None:
        """The functions of an object, or of a list's objects, by their name on the command line."""
        name = type_def.object_name
        if not name:
            return None
        own = self.module.object(name)
        functions: Iterable[Function]
        if own is not None:
            functions = own.callables()
        elif (interface := self.module.interface(name)) is not None:
            functions = interface.functions
        else:
            functions = (each for each in self.core.functions(name) if each.name not in CORE_HIDDEN)
        return {kebab_case(each.name): self._resolved(each) for each in functions}

    def supported(self, type_def: TypeDef) -> tuple[dict[str, Function], list[str]]:
        """The functions that can be called from here, and the names of those whose arguments cannot be given."""
        functions = self.functions_of(type_def) or {}
        skipped = [
            name
            for name, function in functions.items()
            if any(arg.required and not can_be_given(arg.type_def) for arg in function.args)
        ]
        return {name: function for name, function in functions.items() if name not in skipped}, skipped

    def _resolved(self, function: Function) -> Function:
        """The function with its arguments' enums in full: a signature only names them."""
        args = tuple(replace(arg, type_def=self._with_members(arg.type_def)) for arg in function.args)
        return replace(function, args=args)

    def _with_members(self, type_def: TypeDef) -> TypeDef:
        if type_def.element is not None:
            return replace(type_def, element=self._with_members(type_def.element))
        if type_def.kind == ENUM and isinstance(type_def.definition, EnumTypeDef) and not type_def.definition.members:
            return replace(type_def, definition=self.module.enum(type_def.name) or self.core.enum(type_def.name))
        return type_def
