"""The module that a command is about: where it is, what it is called, what it defines."""

from __future__ import annotations

import hashlib
import os
import pickle
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from embedded_engine.api.definitions import Module
from embedded_engine.cli.configuration import CONFIGURATION, Configuration, Customization, Related
from embedded_engine.cli.errors import ModuleLoadError
from embedded_engine.cli.naming import package_name, pascal_case
from embedded_engine.cli.project import Project

_REMOTE = re.compile(r"^(?:[a-z]+://|[\w.-]+@|[\w-]+\.[\w.-]+/)")
_SOURCES = (".py", ".pyi", ".toml", ".lock", ".json", ".cfg")
_SKIPPED = frozenset({".git", ".venv", "node_modules", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"})


@dataclass(frozen=True)
class ModuleSource:
    """A module on disk. `context` is what its default paths are resolved in and never leave: the git root, if any.

    Relative ones begin at `root`: where its dagger.json is, or that of the module that uses it as a toolchain.
    """

    name: str
    root: Path
    source: Path
    context: Path
    dependencies: tuple[Related, ...] = ()
    """The modules that its functions call."""
    toolchains: tuple[Related, ...] = ()
    """The modules whose functions stand beside its own."""
    original_name: str = ""
    """What it calls itself, if it goes by another name here."""
    home: Path | None = None
    """Where its own dagger.json is, if not in `root`."""
    customizations: tuple[Customization, ...] = ()
    ignored_checks: tuple[str, ...] = ()
    ignored_generators: tuple[str, ...] = ()
    is_toolchain: bool = False
    has_code: bool = True

    @classmethod
    def find(cls, start: Path) -> ModuleSource:
        """The module whose dagger.json is in this directory or above it."""
        if not start.exists():
            raise ModuleLoadError(f"no such directory: {start}")
        place = start.resolve()
        for root in (place, *place.parents) if place.is_dir() else place.parents:
            configuration = root / CONFIGURATION
            if configuration.is_file():
                return cls.read(configuration)
        raise ModuleLoadError(
            f"no {CONFIGURATION} in {place} or above it: run this in a Dagger module, or name one with -m"
        )

    @classmethod
    def read(cls, path: Path) -> ModuleSource:
        """The module that a dagger.json configures."""
        configuration = Configuration.read(path)
        root = path.parent
        context = next((place for place in (root, *root.parents) if (place / ".git").exists()), root)
        if configuration.blueprint is not None and not configuration.sdk:
            blueprint = related(root, configuration.name, configuration.blueprint)
            return replace(blueprint, root=root, home=root, context=context, toolchains=configuration.toolchains)
        if configuration.sdk != "python" and (configuration.sdk or not configuration.toolchains):
            raise ModuleLoadError(
                f"{path}: the embedded engine runs Python modules; this one's SDK is {configuration.sdk or None!r}"
            )
        source = root / configuration.source
        if not source.is_dir():
            raise ModuleLoadError(f"{path}: its source {configuration.source!r} is no directory")
        return cls(
            configuration.name,
            root,
            source.resolve(),
            context,
            tuple(_from(root, each) for each in configuration.dependencies),
            configuration.toolchains,
            has_code=bool(configuration.sdk),
        )

    def tools(self) -> list[ModuleSource]:
        """Its toolchains as modules: their default paths are this module's, their names those that it gives them."""
        found = []
        for each in self.toolchains:
            tool = related(self.root, self.name, each)
            found.append(
                replace(
                    tool,
                    root=self.root,
                    home=tool.root,
                    context=self.context,
                    customizations=each.customizations,
                    ignored_checks=each.ignored_checks,
                    ignored_generators=each.ignored_generators,
                    is_toolchain=True,
                )
            )
        return found

    @property
    def main_object(self) -> str:
        """The class that the module's functions belong to."""
        return pascal_case(self.original_name or self.name)

    @property
    def package(self) -> str:
        """The package that holds it, unless its project names an entry point: called as the project, else as the module."""
        return Project.read(self.source).name.replace("-", "_") or package_name(self.original_name or self.name)

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


def _from(root: Path, named: Related) -> Related:
    """The same by an absolute path, wherever the module that names it is used."""
    return named if _REMOTE.match(named.place) else replace(named, place=str((root / named.place).resolve()))


def related(root: Path, user: str, named: Related) -> ModuleSource:
    """The module that another one, `user`, names. Raises ModuleLoadError for what is not on this machine."""
    name, place = named.name or named.place, named.place
    if _REMOTE.match(place):
        raise ModuleLoadError(
            f"the module {user} depends on {name} at {place}: the embedded engine serves modules on this machine only"
        )
    found = (root / place).resolve()
    if not (found / CONFIGURATION).is_file():
        raise ModuleLoadError(f"the module {user} depends on {name}, but {found} has no {CONFIGURATION}")
    source = ModuleSource.read(found / CONFIGURATION)
    original = source.original_name or source.name
    return replace(source, name=named.name or source.name, original_name=original)


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
