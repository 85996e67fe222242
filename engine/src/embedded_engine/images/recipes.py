"""Debian recipes: what a root file system is made of where no registry can be reached. Data, no building."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Self

from embedded_engine.images.config import ImageConfig
from embedded_engine.images.errors import ImageError
from embedded_engine.images.reference import Reference

# Part of every key: raised when the builder makes another root of the same recipe.
BUILDER_VERSION = 1
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
class Recipe:
    """One row of the table, with what it extends already merged into it.

    `before` and `after` are shell programs, run in the new root around the installation of `packages`.
    """

    name: str
    references: tuple[str, ...]
    suite: str
    packages: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    files: tuple[RecipeFile, ...] = ()
    config: ImageConfig = field(default_factory=ImageConfig)

    @property
    def key(self) -> str:
        """A digest (64 hexadecimal digits) of all that decides how the root file system comes out."""
        parts = [
            BUILDER_VERSION,
            self.config.architecture,
            self.suite,
            sorted(self.packages),
            sorted(self.exclude),
            self.before,
            self.after,
            [(file.path, hashlib.sha256(file.content).hexdigest(), file.mode) for file in self.files],
        ]
        return hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).hexdigest()

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
    return replace(
        base,
        name=row["name"],
        references=_words(row, "references"),
        suite=suite,
        packages=tuple(dict.fromkeys((*base.packages, *_words(row, "packages")))),
        exclude=tuple(dict.fromkeys((*base.exclude, *_words(row, "exclude")))),
        before=base.before + ((row["before"],) if "before" in row else ()),
        after=base.after + ((row["after"],) if "after" in row else ()),
        files=_files(base.files, row.get("files", {}), folder),
        config=_config(base.config, row.get("config", {})),
    )


def _words(row: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """A list of strings, and nothing else."""
    words = row.get(name, [])
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise ValueError(f"{name} must be a list of strings")
    return tuple(words)


def _files(base: Iterable[RecipeFile], rows: Mapping[str, Any], folder: Path) -> tuple[RecipeFile, ...]:
    """Read the files that a row names, over those that it inherits."""
    found = {file.path: file for file in base}
    for path, row in rows.items():
        if not path.startswith("/") or ".." in path.split("/"):
            raise ValueError(f"the file {path!r} must have an absolute path")
        try:
            content = (folder / row["source"]).read_bytes()
        except OSError as error:
            raise ValueError(f"cannot read {folder / row['source']}: {error.strerror}") from error
        found[path] = RecipeFile(path, content, int(row.get("mode", "0644"), 8))
    return tuple(found.values())


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
