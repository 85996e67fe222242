"""The module that a command is about: where it is, what it is called, what it defines."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from embedded_engine.api.definitions import Module
from embedded_engine.cli.errors import ModuleLoadError
from embedded_engine.cli.naming import package_name, pascal_case
from embedded_engine.cli.project import Project

CONFIGURATION = "dagger.json"
_SOURCES = (".py", ".pyi", ".toml", ".lock", ".json", ".cfg")
_SKIPPED = frozenset({".git", ".venv", "node_modules", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"})


@dataclass(frozen=True)
class ModuleSource:
    """A module on disk. `context` is what its default paths are resolved in and never leave: the git root, if any."""

    name: str
    root: Path
    source: Path
    context: Path
    dependencies: tuple[tuple[str, str], ...] = ()
    """The modules that its functions call: the name of each, and where it is."""

    @classmethod
    def find(cls, start: Path) -> ModuleSource:
        """The module whose dagger.json is in this directory or above it."""
        if not start.exists():
            raise ModuleLoadError(f"no such directory: {start}")
        place = start.resolve()
        for root in (place, *place.parents) if place.is_dir() else place.parents:
            configuration = root / CONFIGURATION
            if configuration.is_file():
                return cls._read(configuration)
        raise ModuleLoadError(
            f"no {CONFIGURATION} in {place} or above it: run this in a Dagger module, or name one with -m"
        )

    @classmethod
    def _read(cls, configuration: Path) -> ModuleSource:
        try:
            content = json.loads(configuration.read_text(encoding="utf-8"))
            name, sdk = content["name"], content.get("sdk") or {}
            dependencies = tuple((each.get("name", ""), each["source"]) for each in content.get("dependencies") or ())
        except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
            raise ModuleLoadError(f"{configuration} is not a module's configuration: {error!r}") from None
        kind = sdk.get("source") if isinstance(sdk, dict) else sdk
        if kind != "python":
            raise ModuleLoadError(
                f"{configuration}: the embedded engine runs Python modules; this one's SDK is {kind!r}"
            )
        root = configuration.parent
        source = root / content.get("source", ".")
        if not source.is_dir():
            raise ModuleLoadError(f"{configuration}: its source {content['source']!r} is no directory")
        context = next((place for place in (root, *root.parents) if (place / ".git").exists()), root)
        return cls(name, root, source.resolve(), context, dependencies)

    @property
    def main_object(self) -> str:
        """The class that the module's functions belong to."""
        return pascal_case(self.name)

    @property
    def package(self) -> str:
        """The package that holds it, unless its project names an entry point: called as the project, else as the module."""
        return Project.read(self.source).name.replace("-", "_") or package_name(self.name)

    def environment(self) -> dict[str, str]:
        """What the SDK reads when its module support is imported."""
        return {
            "DAGGER_MODULE": self.name,
            "DAGGER_MAIN_OBJECT": self.main_object,
            "DAGGER_DEFAULT_PYTHON_PACKAGE": self.package,
        }

    def digest(self) -> str:
        """A name for exactly this content of the module's sources, for this SDK and this engine."""
        hasher = hashlib.sha256(f"2 {version('dagger-io')} {self.name} {self.source}\n".encode())
        hasher.update((Path(__file__).parent.parent / "api" / "definitions.py").read_bytes())
        for path in sorted(self._files()):
            content = path.read_bytes()
            hasher.update(f"{path.relative_to(self.source)} {len(content)}\n".encode("utf-8", "surrogateescape"))
            hasher.update(content)
        return hasher.hexdigest()

    def _files(self) -> Iterator[Path]:
        for directory, names, files in os.walk(self.source):
            names[:] = [name for name in names if name not in _SKIPPED]
            yield from (Path(directory, file) for file in files if file.endswith(_SOURCES))


class DefinitionCache:
    """What modules define, by the content of their sources: asking for it again imports nothing of them."""

    def __init__(self, store: Path) -> None:
        self._directory = store / "modules"

    def get(self, source: ModuleSource) -> Module | None:
        """What was kept for exactly these sources; nothing if what was kept is damaged."""
        from embedded_engine.store.kept import read_kept

        kept = read_kept(self._path(source))
        try:
            # Written by this program below, in the user's own cache.
            found = None if kept is None else pickle.loads(kept)  # noqa: S301
        except (AttributeError, ImportError, TypeError):  # another engine's classes
            return None
        return found if isinstance(found, Module) else None

    def put(self, source: ModuleSource, module: Module) -> None:
        """Keep what these sources define."""
        from embedded_engine.store.kept import keep

        keep(self._path(source), pickle.dumps(module))

    def _path(self, source: ModuleSource) -> Path:
        return self._directory / f"{source.digest()}.pickle"
