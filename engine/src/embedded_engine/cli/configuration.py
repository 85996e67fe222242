"""What a module's dagger.json says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embedded_engine.cli.errors import ModuleLoadError

CONFIGURATION = "dagger.json"


@dataclass(frozen=True)
class Customization:
    """Another default for an argument of a toolchain. The function is a chain of names, empty for the constructor."""

    function: tuple[str, ...]
    argument: str
    default: str = ""
    default_path: str = ""
    default_address: str = ""
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True)
class Related:
    """Another module that this one names: what it is called here, where it is, and what is different about it here."""

    name: str
    place: str
    customizations: tuple[Customization, ...] = ()
    ignored_checks: tuple[str, ...] = ()
    ignored_generators: tuple[str, ...] = ()


@dataclass(frozen=True)
class Configuration:
    """A module's configuration. Without an `sdk` it has no code of its own."""

    name: str
    sdk: str
    source: str
    dependencies: tuple[Related, ...] = ()
    toolchains: tuple[Related, ...] = ()
    blueprint: Related | None = None

    @classmethod
    def read(cls, path: Path) -> Configuration:
        """The configuration in a file. Raises ModuleLoadError when it is none."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            sdk = content.get("sdk") or {}
            blueprint = content.get("blueprint")
            return cls(
                content["name"],
                sdk.get("source", "") if isinstance(sdk, dict) else sdk,
                content.get("source") or ".",
                tuple(map(_related, content.get("dependencies") or ())),
                tuple(map(_related, content.get("toolchains") or ())),
                _related(blueprint) if blueprint else None,
            )
        except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
            raise ModuleLoadError(f"{path} is not a module's configuration: {error!r}") from None


def _related(content: Mapping[str, Any] | str) -> Related:
    """An entry; older configurations have no more than its place."""
    if isinstance(content, str):
        return Related("", content)
    return Related(
        content.get("name") or "",
        content["source"],
        tuple(map(_customization, content.get("customizations") or ())),
        tuple(content.get("ignoreChecks") or ()),
        tuple(content.get("ignoreGenerators") or ()),
    )


def _customization(content: Mapping[str, Any]) -> Customization:
    return Customization(
        tuple(content.get("function") or ()),
        content["argument"],
        content.get("default") or "",
        content.get("defaultPath") or "",
        content.get("defaultAddress") or "",
        tuple(content.get("ignore") or ()),
    )
