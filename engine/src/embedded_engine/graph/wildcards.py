"""Paths with wildcards, as removals and a Dockerfile's COPY take them: each `*` stays within one name."""

from __future__ import annotations

import re
from collections.abc import Callable

from embedded_engine.store import Union
from embedded_engine.store.rule import PatternError, Rule

_SPECIAL = re.compile(r"\\.|([*?\[])")
_STARS = re.compile(r"(\\.)|\*+")


def has_wildcards(text: str) -> bool:
    """Whether there is a `*`, `?` or `[` that no backslash escapes.

    >>> has_wildcards("a?"), has_wildcards("a\\\\*")
    (True, False)
    """
    return any(match[1] for match in _SPECIAL.finditer(text))


def matching(view: Union, pattern: str) -> list[str]:
    """The paths that a pattern names: itself, or where it has wildcards, the entries that match, part by part.

    Links are followed on the way to the first part with wildcards, and no further. That way must be there.
    """
    parts = pattern.strip("/").split("/")
    plain = next((index for index, part in enumerate(parts) if has_wildcards(part)), None)
    if plain is None:
        return [pattern]
    top = view.resolve("/".join(parts[:plain]))
    view.stat(top)
    found = [top.rstrip("/")]
    for part in parts[plain:]:
        matches = _matcher(part)
        directories = [path for path in found if view.stat(path or "/", follow=False).is_dir]
        found = [f"{path}/{name}" for path in directories for name in view.list(path or "/") if matches(name)]
    return found


def _matcher(part: str) -> Callable[[str], bool]:
    """Whether a name matches one part of a pattern; one that cannot be understood matches nothing."""
    # Stars in a row are one here, and an exclamation mark stands for itself: in an ignore file they are more.
    text = _STARS.sub(lambda match: match[1] or "*", part)
    try:
        return Rule(f"\\{text}" if text.startswith("!") else text).matches
    except PatternError:
        return frozenset[str]().__contains__
