"""A module's Python project: what it says that it needs, and whether all of that is in this environment."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from embedded_engine.cli.errors import ModuleLoadError

SDK = "dagger-io"
PROJECT, LOCK, COMPILED_LOCK = "pyproject.toml", "uv.lock", "requirements.lock"

_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_LOCKED_SDK = re.compile(r'^name = "dagger-io"\nversion = "([^"]+)"\nsource = \{ (\w+) = ', re.MULTILINE)
_LOCAL_SOURCE = re.compile(r'^source = \{ (?:editable|directory|path|virtual) = "(?!\.")', re.MULTILINE)


@dataclass(frozen=True)
class Project:
    """What pyproject.toml and the lock say. `locked_sdk` is the version of the SDK that the lock takes from an index."""

    place: Path
    name: str = ""
    dependencies: tuple[str, ...] = ()
    entry_point: str | None = None
    lock: str | None = None
    has_local_sources: bool = False

    @classmethod
    def read(cls, place: Path) -> Project:
        """The project in a directory; an empty one if there is none. Raises ModuleLoadError when it is not TOML."""
        lock = place / LOCK
        try:
            text = (place / PROJECT).read_text(encoding="utf-8")
        except OSError:
            return cls(place)
        try:
            content: dict[str, Any] = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ModuleLoadError(f"{place / PROJECT} cannot be read: {error}") from None
        project = content.get("project", {})
        sources: dict[str, Any] = content.get("tool", {}).get("uv", {}).get("sources", {})
        points = project.get("entry-points", {}).get("dagger.mod", {})
        return cls(
            place,
            str(project.get("name", "")),
            tuple(project.get("dependencies", ())),
            points.get("main_object"),
            lock.read_text(encoding="utf-8") if lock.is_file() else None,
            any(_is_local(each) for name, each in sources.items() if required_name(name) != SDK),
        )

    @property
    def locked_sdk(self) -> str | None:
        """The version of the SDK that the lock takes from an index; none for a copy of its own that Dagger makes."""
        found = _LOCKED_SDK.search(self.lock or "")
        return found[1] if found is not None and found[2] == "registry" else None

    @property
    def locks_own_sdk(self) -> bool:
        """Whether the lock names a copy of the SDK beside the module, which is made by Dagger and not kept."""
        found = _LOCKED_SDK.search(self.lock or "")
        return found is not None and found[2] != "registry"

    @property
    def is_tied_to_place(self) -> bool:
        """Whether the lock takes packages from directories, so that the environment serves no other checkout."""
        return self.has_local_sources or any("dagger-io" not in part for part in self._local_packages())

    @property
    def others(self) -> tuple[str, ...]:
        """The requirements beside the SDK."""
        return tuple(each for each in self.dependencies if required_name(each) != SDK)

    def is_at_home(self) -> bool:
        """Whether this environment is the module's: installed from here, or it needs the SDK alone, the same one."""
        if self.locked_sdk not in (None, version(SDK)):
            return False
        return self._is_installed() or not (self.others or (self.place / COMPILED_LOCK).is_file())

    def _is_installed(self) -> bool:
        try:
            origin = distribution(self.name).read_text("direct_url.json") if self.name else None
        except PackageNotFoundError:
            return False
        if origin is None:
            return False
        url = urlsplit(str(json.loads(origin).get("url", "")))
        return url.scheme == "file" and Path(unquote(url.path)).resolve() == self.place

    def _local_packages(self) -> list[str]:
        packages = (self.lock or "").split("[[package]]")
        return [each for each in packages if _LOCAL_SOURCE.search(each)]


def _is_local(source: Any) -> bool:
    """Whether uv takes a package from a directory: `{ path = "../library" }`."""
    return isinstance(source, dict) and ("path" in source or "workspace" in source)


def required_name(requirement: str) -> str:
    """The normal name of the package that a requirement asks for.

    >>> required_name("Dagger_IO[cli]>=0.21"), required_name("six")
    ('dagger-io', 'six')
    """
    found = _NAME.match(requirement)
    return re.sub(r"[-_.]+", "-", found[1]).lower() if found is not None else ""
