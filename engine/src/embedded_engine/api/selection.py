"""Which part of a directory is meant: include and exclude patterns, as every field that has them takes them."""

from __future__ import annotations

import os
from pathlib import Path

from embedded_engine.store import Patterns, host_patterns
from embedded_engine.store.gitignore import IGNORE_FILE, as_patterns, ignored_paths


def selection(include: tuple[str, ...], exclude: tuple[str, ...]) -> Patterns:
    """The patterns of a field. Blank ones alone include nothing, as on Dagger."""
    if include and not any(pattern.strip() for pattern in include):
        return Patterns(exclude=("**",))
    return Patterns(include, exclude)


def host_selection(place: Path, include: tuple[str, ...], exclude: tuple[str, ...], *, gitignore: bool) -> Patterns:
    """The patterns for a directory of the host: those that lead out of it are dropped.

    With `gitignore`, what the `.gitignore` files of its git repository leave out is left out. Blocks.
    """
    patterns = host_patterns(include, exclude)
    if not gitignore:
        return patterns
    top = next((parent for parent in (place, *place.parents) if os.path.lexists(parent / ".git")), place)
    return Patterns(patterns.include, (*patterns.exclude, *_ignored(top, place)))


def _ignored(top: Path, place: Path) -> tuple[str, ...]:
    """Patterns for the paths below `place` that the `.gitignore` files from `top` down leave out."""
    inside = "" if place == top else place.relative_to(top).as_posix()

    def listed(directory: str) -> list[tuple[str, bool]]:
        with os.scandir(top / directory) as scan:
            entries = [(each.name, each.is_dir(follow_symlinks=False)) for each in scan if each.name != ".git"]
        # Above the place only what leads to it is of interest.
        if inside != directory and f"{inside}/".startswith(f"{directory}/" if directory else ""):
            step = inside[len(directory) :].lstrip("/").partition("/")[0]
            return [entry for entry in entries if entry[0] in (step, IGNORE_FILE)]
        return entries

    def read(file: str) -> str:
        return (top / file).read_text("utf-8", "replace")

    found = ignored_paths(listed, read)
    if not inside:
        return as_patterns(found)
    if any(inside == path or inside.startswith(f"{path}/") for path in found):
        return ("*",)
    return as_patterns(path[len(inside) + 1 :] for path in found if path.startswith(f"{inside}/"))
