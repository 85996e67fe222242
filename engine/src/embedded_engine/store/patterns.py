"""Include and exclude patterns with the meaning they have in Dagger, BuildKit and `.dockerignore`.

A pattern is a path with `*` and `?` (within one name), `**` (any number of names), `[...]` and `\\` escapes. It stands
for the path and all below it. Later patterns win, and `!` takes back what patterns before it matched. A directory
that is not included itself but holds something included is there as that one's parent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TypeVar

from embedded_engine.store.rule import Rule, clean_pattern

ValueT = TypeVar("ValueT")


@dataclass(frozen=True)
class Patterns:
    """What to take: all of `include` (no pattern there takes all) without what `exclude` matches."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    @cached_property
    def empty(self) -> bool:
        """Whether everything is taken."""
        return not self._include.rules and not self._exclude.rules

    @cached_property
    def _include(self) -> RuleList:
        return rule_list(self.include)

    @cached_property
    def _exclude(self) -> RuleList:
        return rule_list(self.exclude)

    def root(self) -> Selection:
        """The state to begin a walk with, at the directory that the patterns are relative to."""
        return Selection(self._include, self._exclude, True, None, None)

    def descent(self) -> Callable[[str], bool] | None:
        """For a walk that comes to parents before children: whether a directory can hold anything that is taken."""
        if self.empty:
            return None
        states = {"": self.root()}

        def enters(path: str) -> bool:
            state = states[path] = states[path.rpartition("/")[0]].enter(path)
            return state.descends

        return enters

    def matches(self, path: str) -> bool:
        """Whether a path, relative and clean, is taken itself (it may also be there as a parent)."""
        selection = self.root()
        words = path.split("/")
        for count in range(1, len(words) + 1):
            selection = selection.enter("/".join(words[:count]))
        return selection.taken

    def select(self, entries: Mapping[str, ValueT]) -> dict[str, ValueT]:
        """Of entries by relative path, parents before children: those taken, and their parents."""
        if self.empty:
            return dict(entries)
        states: dict[str, Selection] = {"": self.root()}
        kept: dict[str, ValueT] = {}
        if "" in entries:
            kept[""] = entries[""]
        missing_parents = False
        for path, value in entries.items():
            if not path:
                continue
            parent = path.rpartition("/")[0]
            above = states.get(parent)
            if above is None:
                above = self._state(parent, states)
            if above.takes(path):
                kept[path] = value
                missing_parents = missing_parents or (bool(parent) and parent not in kept)
        return _with_parents(kept, entries) if missing_parents else kept

    def _state(self, path: str, states: dict[str, Selection]) -> Selection:
        known = states.get(path)
        if known is None:
            known = states[path] = self._state(path.rpartition("/")[0], states).enter(path)
        return known


def host_patterns(include: Iterable[str], exclude: Iterable[str]) -> Patterns:
    """Patterns for a directory of the host: those that lead out of it are dropped, and `.` stands for all of it."""
    return Patterns(tuple(_local(include)), tuple(_local(exclude)))


def glob_matches(pattern: str, path: str) -> bool:
    """Whether a pattern matches this very path, not one above it: the meaning of Dagger's `glob`."""
    return any(rule.matches(path) and not rule.exclusion for rule in rule_list((pattern,)).rules)


def parse_ignore_file(text: str) -> tuple[str, ...]:
    """The exclude patterns of a `.dockerignore`."""
    found: list[str] = []
    for line in text.removeprefix("\ufeff").split("\n"):
        if line.startswith("#"):
            continue
        pattern = line.strip()
        if not pattern:
            continue
        inverted = pattern.startswith("!")
        if inverted:
            pattern = pattern[1:].strip()
        if pattern:
            pattern = clean_pattern(pattern)
            if len(pattern) > 1:
                pattern = pattern.removeprefix("/")
        found.append(f"!{pattern}" if inverted else pattern)
    return tuple(found)


class RuleList:
    """Patterns in order. A match is carried from a directory to all below it."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self.rules = tuple(Rule(clean_pattern(text)) for pattern in patterns if (text := pattern.strip()))
        self.exceptions = any(rule.exclusion for rule in self.rules)
        self._any = None
        if self.rules and not self.exceptions:
            self._any = re.compile(f"(?:{'|'.join(rule.expression for rule in self.rules)})\\Z", re.ASCII)

    def match(self, path: str, above: Match) -> tuple[bool, Match]:
        """Whether a path is matched, given what matched its parent; and what to give to its children."""
        if self._any is not None:
            matched = above is True or self._any.match(path) is not None
            return matched, matched
        held = above if isinstance(above, tuple) else ()
        matched = False
        found: list[bool] = []
        for index, rule in enumerate(self.rules):
            hit = bool(held) and held[index]
            if not hit and rule.exclusion == matched:
                hit = rule.matches(path)
            found.append(hit)
            if hit:
                matched = not rule.exclusion
        return matched, tuple(found)

    @cached_property
    def plain_prefixes(self) -> tuple[str, ...] | None:
        """What the patterns that take can match lies in these; None when that cannot be told."""
        return _prefixes(rule for rule in self.rules if not rule.exclusion)

    @cached_property
    def plain_exceptions(self) -> tuple[str, ...] | None:
        """What the patterns that take back can match lies in these; None when that cannot be told."""
        return _prefixes(rule for rule in self.rules if rule.exclusion)


Match = bool | tuple[bool, ...] | None


class Selection:
    """Where a walk stands: whether the path is taken, and what that means for what is below."""

    __slots__ = ("_exclude", "_exclude_match", "_include", "_include_match", "_path", "excluded", "included", "taken")

    def __init__(
        self,
        include: RuleList,
        exclude: RuleList,
        taken: bool,
        include_match: Match,
        exclude_match: Match,
        path: str = "",
        included: bool = True,
        excluded: bool = False,
    ) -> None:
        self._include = include
        self._exclude = exclude
        self._include_match = include_match
        self._exclude_match = exclude_match
        self._path = path
        self.taken = taken
        self.included = included
        self.excluded = excluded

    @property
    def everything(self) -> bool:
        """Whether there is no pattern at all."""
        return not self._include.rules and not self._exclude.rules

    def enter(self, path: str) -> Selection:
        """The state at a child, by its path relative to the root of the walk."""
        included, excluded = True, False
        include_match = exclude_match = None
        if self._include.rules:
            included, include_match = self._include.match(path, self._include_match)
        if self._exclude.rules:
            excluded, exclude_match = self._exclude.match(path, self._exclude_match)
        taken = included and not excluded
        return Selection(self._include, self._exclude, taken, include_match, exclude_match, path, included, excluded)

    def takes(self, path: str) -> bool:
        """Whether a child is taken, when nothing is below it."""
        if self._include.rules and not self._include.match(path, self._include_match)[0]:
            return False
        return not (self._exclude.rules and self._exclude.match(path, self._exclude_match)[0])

    @property
    def descends(self) -> bool:
        """Whether anything below this directory can be taken: if not, it need not be read."""
        if not self.included and not _may_hold(self._path, self._include.plain_prefixes):
            return False
        if not self.excluded:
            return True
        return self._exclude.exceptions and _may_hold(self._path, self._exclude.plain_exceptions)


@lru_cache(maxsize=256)
def rule_list(patterns: tuple[str, ...]) -> RuleList:
    """The patterns, ready to match; `PatternError` names the one that is wrong."""
    return RuleList(patterns)


def _prefixes(rules: Iterable[Rule]) -> tuple[str, ...] | None:
    found = [rule.plain_prefix for rule in rules]
    plain = tuple(f"{prefix}/" for prefix in found if prefix is not None)
    return plain if len(plain) == len(found) else None


def _may_hold(directory: str, prefixes: tuple[str, ...] | None) -> bool:
    if prefixes is None or not directory:
        return True
    inside = f"{directory}/"
    return any(prefix.startswith(inside) for prefix in prefixes)


def _with_parents(kept: dict[str, ValueT], entries: Mapping[str, ValueT]) -> dict[str, ValueT]:
    wanted = set(kept)
    for path in kept:
        parent = path.rpartition("/")[0]
        while parent and parent not in wanted:
            wanted.add(parent)
            parent = parent.rpartition("/")[0]
    return {path: value for path, value in entries.items() if path in wanted}


def _local(patterns: Iterable[str]) -> Iterable[str]:
    for pattern in patterns:
        negated = pattern.startswith("!")
        text = pattern[1:] if negated else pattern
        if not text or text.startswith("/"):
            continue
        text = clean_pattern(text)
        if text == ".." or text.startswith("../"):
            continue
        text = "*" if text == "." else text
        yield f"!{text}" if negated else text
