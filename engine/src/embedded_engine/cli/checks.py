"""`ci check`: every check of the module, or those that are named, all at once."""

from __future__ import annotations

import asyncio
import fnmatch
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from embedded_engine.api.definitions import Function
from embedded_engine.cli.catalog import Catalog
from embedded_engine.cli.errors import FunctionError, UsageError
from embedded_engine.cli.naming import kebab_case, suggestion
from embedded_engine.cli.options import Options
from embedded_engine.cli.words import Step
from embedded_engine.cli.workbench import Work, Workbench
from embedded_engine.errors import EngineError
from embedded_engine.progress.text import seconds


@dataclass(frozen=True)
class Check:
    """A function that checks, reached from the main object by functions that need no arguments."""

    path: tuple[Function, ...]

    @property
    def name(self) -> str:
        """Its name on the command line: `lint`, or `python:lint` where an object holds it."""
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


async def check(selection: Selection, options: Options) -> None:
    """Run the selected checks and print a line for each. Raises FunctionError when one failed."""
    bench = Workbench(options)
    source = bench.source()
    if selection.lists:
        sys.stdout.write(listed(select(await bench.catalog(source), selection, source.name)))
        return
    known = bench.known_catalog(source)
    if known is not None:
        select(known, selection, source.name)  # a name that no check has is refused before anything starts
    async with bench.work(source) as work:
        checks = select(work.catalog, selection, source.name)
        state = await work.runner.construct(bench.with_fresh(Step(work.catalog.constructor)))
        failed = await _run_all(checks, work, state, selection.fail_fast)
    if failed:
        raise FunctionError(f"{failed} of {len(checks)} checks failed: run one with `ci check NAME`")


def select(catalog: Catalog, selection: Selection, module_name: str) -> list[Check]:
    """The checks that the patterns name; all without patterns. Raises UsageError for a pattern that names none."""
    checks = sorted(
        (each for each in _checks(catalog) if (selection.with_generators if each.generates else selection.with_checks)),
        key=lambda each: each.name,
    )
    if not selection.patterns:
        return checks
    for pattern in selection.patterns:
        if not any(_matches(each.name, pattern, module_name) for each in checks):
            what = "check" if selection.with_checks else "generator"
            raise UsageError(f"no {what} is named {pattern!r}{suggestion(pattern, [each.name for each in checks])}")
    return [each for each in checks if any(_matches(each.name, one, module_name) for one in selection.patterns)]


def listed(checks: Sequence[Check]) -> str:
    """The table of `ci check -l`."""
    width = max([len("Name"), *(len(each.name) for each in checks)])
    lines = [f"{'Name':<{width}}   Description"]
    lines += [f"{each.name:<{width}}   {each.description}".rstrip() for each in checks if not each.generates]
    generators = [each for each in checks if each.generates]
    if generators:
        lines += ["", "Generators", *(f"{each.name:<{width}}   {each.description}".rstrip() for each in generators)]
    return "".join(f"{line}\n" for line in lines)


def _checks(catalog: Catalog) -> Iterator[Check]:
    yield from _below(catalog, catalog.main_object, (), frozenset())


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


async def _run_all(checks: Sequence[Check], work: Work, state: object, fail_fast: bool) -> int:
    """Run the checks concurrently; how many failed. With `fail_fast` the first failure cancels the others."""
    tasks = [asyncio.create_task(_run_one(each, work, state)) for each in checks]
    failed = 0
    try:
        for finished in asyncio.as_completed(tasks):
            if not await finished:
                failed += 1
                if fail_fast:
                    break
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return failed


async def _run_one(check: Check, work: Work, state: object) -> bool:
    started = time.monotonic()
    try:
        outcome = await work.runner.follow(state, [Step(function) for function in check.path])
        if check.generates and outcome.type_def.object_name == "Changeset" and not await work.runner.is_empty(outcome):
            raise FunctionError(f"it would change files: run `ci generate {check.name}`")
    except EngineError as error:
        details = error.details if isinstance(error, FunctionError) else ""
        work.progress.result(_lines(f"✘ {check.name}  {seconds(time.monotonic() - started)}", str(error), details))
        return False
    work.progress.result(_lines(f"✔ {check.name}  {seconds(time.monotonic() - started)}"))
    return True


def _lines(line: str, *below: str) -> str:
    """A check's line; what is said of a failure stands below it, indented."""
    indented = [f"    {part}" for text in below for part in text.splitlines()]
    return "".join(f"{each}\n" for each in (line, *indented))
