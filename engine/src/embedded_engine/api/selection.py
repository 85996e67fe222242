"""Which part of a directory is meant: include and exclude patterns, as every field that has them takes them."""

from __future__ import annotations

from embedded_engine.errors import NotSupportedError
from embedded_engine.store import Patterns, host_patterns


def selection(
    place: str, include: tuple[str, ...], exclude: tuple[str, ...], gitignore: bool, *, host: bool = False
) -> Patterns:
    """The patterns of the field `place`. On the host, those that lead out of the directory are dropped."""
    if gitignore:
        raise NotSupportedError(f"{place}(gitignore:)")
    return host_patterns(include, exclude) if host else Patterns(include, exclude)
