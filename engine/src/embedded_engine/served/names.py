"""What the types of a module are called on the API, where many modules meet: `Obj` of the module `dep` is `DepObj`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from embedded_engine.api.definitions import Module, ObjectTypeDef, TypeDef
from embedded_engine.api.module import camel_case


def type_name(module_name: str, name: str, original_name: str = "") -> str:
    """The name of a module's object, interface or enum on the API; the module may call itself otherwise.

    >>> type_name("dep", "Obj"), type_name("dep", "Dep"), type_name("post", "Postman"), type_name("dep", "DepObj")
    ('DepObj', 'Dep', 'PostPostman', 'DepObj')
    >>> type_name("shelf", "Dep", "dep"), type_name("shelf", "DepObj", "dep"), type_name("shelf", "Obj", "dep")
    ('Shelf', 'ShelfObj', 'ShelfObj')
    """
    own = _capitalised(module_name)
    original = _capitalised(original_name or module_name)
    rest = name.removeprefix(original)
    if rest != name and (not rest or rest[0].isupper()):
        return f"{own}{rest}"
    return f"{own}{_capitalised(name)}"


def field_name(name: str) -> str:
    """The name of a module, function or argument on the API.

    >>> field_name("my-module"), field_name("with_report"), field_name("asService")
    ('myModule', 'withReport', 'asService')
    """
    return camel_case(name.replace("-", "_"))


@dataclass(frozen=True)
class NamedModule:
    """What a module defines, the name that it goes by, and what it calls itself if that is another one."""

    name: str
    definition: Module
    original_name: str = ""

    def api_name(self, name: str) -> str:
        """The name on the API of a type that this module's definitions mention: its own, or one of the core API."""
        return type_name(self.name, name, self.original_name) if self.owns(name) else name

    def owns(self, name: str) -> bool:
        """Whether a type is the module's."""
        kinds = (self.definition.objects, self.definition.interfaces, self.definition.enums)
        return any(each.name == name for kind in kinds for each in kind)

    @property
    def main(self) -> ObjectTypeDef | None:
        """The object that the module's field of Query makes."""
        return self.definition.object(_capitalised(self.original_name or self.name))

    def types(self) -> Iterator[TypeDef]:
        """Its objects, interfaces and enums."""
        yield from (*self.definition.objects, *self.definition.interfaces, *self.definition.enums)


def _capitalised(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[ _.-]+", name))
