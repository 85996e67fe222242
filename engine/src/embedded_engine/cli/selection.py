"""Which checks and generators of a module and its toolchains the words of a command name."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from embedded_engine.api.definitions import Function
from embedded_engine.cli.catalog import Catalog
from embedded_engine.cli.errors import UsageError
from embedded_engine.cli.module import ModuleSource
from embedded_engine.cli.naming import kebab_case, suggestion
from embedded_engine.cli.options import Options


@dataclass(frozen=True)
class Check:
    """A function that checks, reached from the main object by functions that need no arguments."""

    path: tuple[Function, ...]
    module: str = ""
    """The name of its module where there are several: the module that has toolchains, and these."""

    @property
    def name(self) -> str:
        """Its name on the command line: `lint`, or `python:lint` where an object or one of several modules holds it."""
        return f"{kebab_case(self.module)}:{self.bare_name}" if self.module else self.bare_name

    @property
    def bare_name(self) -> str:
        """Its name within its module."""
        return ":".join(kebab_case(function.name) for function in self.path)

    @property
    def generates(self) -> bool:
        """Whether it is a generator, which passes when it would change nothing."""
        return self.path[-1].generator

    @property
    def description(self) -> str:
        """The first line of what it says of itself."""
        return self.path[-1].description.strip().partition("\n")[0]


@dataclass(frozen=True)
class Selection:
    """Which checks to run and how."""

    patterns: tuple[str, ...] = ()
    lists: bool = False
    fail_fast: bool = False
    with_checks: bool = True
    with_generators: bool = True

    @classmethod
    def parse(cls, words: Sequence[str], options: Options) -> tuple[Selection, Options]:
        """Read the words after `ci check`."""
        options, patterns, switches = options.take_selection(words, _SWITCHES, "check")
        if {"no-generate", "generate"} <= switches:
            raise UsageError("--generate and --no-generate exclude each other")
        selection = cls(
            patterns,
            "list" in switches,
            "failfast" in switches,
            "generate" not in switches,
            "no-generate" not in switches,
        )
        return selection, options


_SWITCHES = {
    "-l": "list",
    "--list": "list",
    "--failfast": "failfast",
    "--no-generate": "no-generate",
    "--generate": "generate",
}


def members_of(source: ModuleSource) -> list[ModuleSource]:
    """A module's toolchains, and itself if it has code."""
    return [*source.tools(), *([source] if source.has_code else [])]


def checks_of(source: ModuleSource, catalog: Catalog, selection: Selection) -> list[Check]:
    """The checks and generators of one module that the selection's patterns name, if any of them."""
    return [each for each in _wanted(source, catalog, selection) if _is_named(each, source, selection)]


def select(members: Sequence[tuple[ModuleSource, Catalog]], selection: Selection) -> list[Check]:
    """Those of all these modules. Raises UsageError for a pattern that names none."""
    for pattern in selection.patterns:
        one = replace(selection, patterns=(pattern,))
        if not any(checks_of(source, catalog, one) for source, catalog in members):
            what = "check" if selection.with_checks else "generator"
            names = [each.name for member in members for each in _wanted(*member, selection)]
            raise UsageError(f"no {what} is named {pattern!r}{suggestion(pattern, names)}")
    return [each for member in members for each in checks_of(*member, selection)]


def _wanted(source: ModuleSource, catalog: Catalog, selection: Selection) -> list[Check]:
    """What there is to select from; a toolchain's user may leave some out."""
    ignored = {True: source.ignored_generators, False: source.ignored_checks}
    found = (
        each
        for each in _below(catalog, catalog.main_object, (), frozenset())
        if (selection.with_generators if each.generates else selection.with_checks)
        and not any(_glob(each.name, pattern) for pattern in (*source.ignored_checks, *ignored[each.generates]))
    )
    module = source.name if source.is_toolchain or source.toolchains else ""
    return sorted((replace(each, module=module) for each in found), key=lambda each: each.name)


def _is_named(check: Check, source: ModuleSource, selection: Selection) -> bool:
    """Whether a pattern names it; the name of a toolchain must precede, that of the module itself may."""
    if source.is_toolchain:
        return not selection.patterns or any(_matches(check.name, each, "") for each in selection.patterns)
    return not selection.patterns or any(_matches(check.bare_name, each, source.name) for each in selection.patterns)


def _below(catalog: Catalog, object_name: str, path: tuple[Function, ...], seen: frozenset[str]) -> Iterator[Check]:
    definition = catalog.module.object(object_name)
    if definition is None or object_name in seen:
        return
    for function in definition.callables():
        if any(arg.required for arg in function.args):
            continue
        if function.check or function.generator:
            yield Check((*path, function))
        elif function.return_type.element is None:
            yield from _below(catalog, function.return_type.name, (*path, function), seen | {object_name})


def _matches(name: str, pattern: str, module_name: str) -> bool:
    """A name, a glob of one (`*` stays within a part), or the group that it is in; the module's name may precede it."""
    wanted = ":".join(_kebab_glob(part) for part in pattern.split(":"))
    prefix = f"{kebab_case(module_name)}:"
    return any(_glob(name, each) for each in (wanted, wanted.removeprefix(prefix)))


def _glob(name: str, pattern: str) -> bool:
    if name == pattern or name.startswith(f"{pattern}:"):
        return True
    parts, wanted = name.split(":"), pattern.split(":")
    if wanted[-1] == "**" and len(parts) >= len(wanted):
        parts, wanted = parts[: len(wanted) - 1], wanted[:-1]
    return len(parts) == len(wanted) and all(map(fnmatch.fnmatchcase, parts, wanted))


def _kebab_glob(part: str) -> str:
    return part if re.search(r"[*?\[]", part) else kebab_case(part)
