"""Debian recipes: what a root file system is made of where no registry can be reached. Data, no building."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Self

from embedded_engine.images.config import ImageConfig
from embedded_engine.images.errors import ImageError
from embedded_engine.images.reference import Reference

# Part of every key: raised when the builder makes another root of the same recipe.
BUILDER_VERSION = 2
LABEL = "embedded-engine.recipe"

_FIELDS = {"name", "references", "extends", "suite", "packages", "exclude", "before", "after", "files", "config"}
_CONFIG_FIELDS = {"env", "entrypoint", "cmd", "user", "workdir", "ports", "volumes", "labels", "stop_signal"}


@dataclass(frozen=True)
class RecipeFile:
    """A file that a recipe brings: its absolute path in the image, bytes and permission bits; owned by root."""

    path: str
    content: bytes
    mode: int


@dataclass(frozen=True)
class Delta:
    """What one recipe adds to the one that it extends: a layer. Nothing of it may be missing, all of it may be empty.

    `exclude` are paths that packages do not get to unpack. `before` and `after` are shell programs, run in the new root
    around the installation of `packages`.
    """

    packages: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    before: str = ""
    after: str = ""
    files: tuple[RecipeFile, ...] = ()

    def key(self, below: str) -> str:
        """A digest of all that decides how the layer comes out on what is below it."""
        files = [(file.path, hashlib.sha256(file.content).hexdigest(), file.mode) for file in self.files]
        return _digest([below, sorted(self.packages), sorted(self.exclude), self.before, self.after, files])


@dataclass(frozen=True)
class Recipe:
    """One row of the table, with what it extends already joined to it.

    Its file system is the suite's minimal system and on it one layer for each of `deltas`. Recipes that extend the same
    one share its layers.
    """

    name: str
    references: tuple[str, ...]
    suite: str
    deltas: tuple[Delta, ...] = ()
    config: ImageConfig = field(default_factory=ImageConfig)

    @property
    def keys(self) -> tuple[str, ...]:
        """The key of each layer (64 hexadecimal digits), the minimal system's first."""
        found = [_digest([BUILDER_VERSION, self.config.architecture, self.suite])]
        for delta in self.deltas:
            found.append(delta.key(found[-1]))
        return tuple(found)

    @property
    def key(self) -> str:
        """The key of the whole file system."""
        return self.keys[-1]

    def matches(self, reference: Reference) -> bool:
        """Whether the recipe may stand in for the image. Never for one that is pinned by digest."""
        name = reference.familiar
        return reference.digest is None and any(fnmatchcase(name, pattern) for pattern in self.references)


@dataclass(frozen=True)
class RecipeTable:
    """All recipes that are known, in the order in which they are asked."""

    recipes: tuple[Recipe, ...]

    @classmethod
    def load(cls, additional: Sequence[Path] = ()) -> Self:
        """Read the built-in table and a team's own files, whose recipes go first and may extend the built-in ones."""
        built_in = _read_table(Path(__file__).with_name("recipes.toml"), {})
        known = {recipe.name: recipe for recipe in built_in}
        own: list[Recipe] = []
        for path in additional:
            rows = _read_table(path, known)
            known |= {recipe.name: recipe for recipe in rows}
            own += rows
        return cls((*own, *built_in))

    def find(self, reference: Reference) -> Recipe | None:
        """The first recipe that matches, or None."""
        return next((recipe for recipe in self.recipes if recipe.matches(reference)), None)


def _read_table(path: Path, known: Mapping[str, Recipe]) -> list[Recipe]:
    """Read one file; `known` are recipes of other files that its rows may extend."""
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8")).get("recipe", [])
    except OSError as error:
        raise ImageError(f"cannot read the recipes in {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ImageError(f"the recipes in {path} are not valid TOML: {error}") from error
    recipes: list[Recipe] = []
    for row in rows:
        earlier = {recipe.name: recipe for recipe in recipes}
        try:
            recipes.append(_recipe(row, path.parent, {**known, **earlier}))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ImageError(f"the recipe {row.get('name', '?')!r} in {path} is not valid: {error}") from error
    return recipes


def _recipe(row: Mapping[str, Any], folder: Path, known: Mapping[str, Recipe]) -> Recipe:
    """Make a recipe of one row."""
    if unknown := row.keys() - _FIELDS:
        raise ValueError(f"unknown field {min(unknown)!r}")
    if "extends" in row and row["extends"] not in known:
        raise ValueError(f"it extends {row['extends']!r}, which is no recipe before it")
    base = known[row["extends"]] if "extends" in row else Recipe("", (), "")
    suite = row.get("suite", base.suite)
    if not suite:
        raise ValueError("it needs a suite, or a recipe to extend")
    delta = Delta(
        packages=_words(row, "packages"),
        exclude=_words(row, "exclude"),
        before=row.get("before", ""),
        after=row.get("after", ""),
        files=_files(row.get("files", {}), folder),
    )
    return replace(
        base,
        name=row["name"],
        references=_words(row, "references"),
        suite=suite,
        deltas=base.deltas if delta == Delta() else (*base.deltas, delta),
        config=_config(base.config, row.get("config", {})),
    )


def _words(row: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """A list of strings, and nothing else."""
    words = row.get(name, [])
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise ValueError(f"{name} must be a list of strings")
    return tuple(words)


def _files(rows: Mapping[str, Any], folder: Path) -> tuple[RecipeFile, ...]:
    """Read the files that a row names."""
    found = []
    for path, row in rows.items():
        if not path.startswith("/") or ".." in path.split("/"):
            raise ValueError(f"the file {path!r} must have an absolute path")
        try:
            content = (folder / row["source"]).read_bytes()
        except OSError as error:
            raise ValueError(f"cannot read {folder / row['source']}: {error.strerror}") from error
        found.append(RecipeFile(path, content, int(row.get("mode", "0644"), 8)))
    return tuple(found)


def _config(base: ImageConfig, row: Mapping[str, Any]) -> ImageConfig:
    """A row's configuration over the inherited one: variables and labels join, everything else replaces."""
    if unknown := row.keys() - _CONFIG_FIELDS:
        raise ValueError(f"unknown field {min(unknown)!r} in its config")
    return replace(
        base,
        env=tuple((dict(base.env) | row.get("env", {})).items()),
        labels=tuple((dict(base.labels) | row.get("labels", {})).items()),
        entrypoint=_words(row, "entrypoint") if "entrypoint" in row else base.entrypoint,
        cmd=_words(row, "cmd") if "cmd" in row else base.cmd,
        exposed_ports=_words(row, "ports") if "ports" in row else base.exposed_ports,
        volumes=_words(row, "volumes") if "volumes" in row else base.volumes,
        user=row.get("user", base.user),
        workdir=row.get("workdir", base.workdir),
        stop_signal=row.get("stop_signal", base.stop_signal),
    )


def _digest(parts: list[Any]) -> str:
    """A digest of anything that JSON can say."""
    return hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).hexdigest()
