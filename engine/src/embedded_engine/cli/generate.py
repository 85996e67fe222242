"""`ci generate`: every generator of the module, or those that are named; what they change is shown, then applied."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from embedded_engine.cli.checks import Check, Selection, select
from embedded_engine.cli.errors import FunctionError, UsageError
from embedded_engine.cli.options import Options
from embedded_engine.cli.outcome import FileChange
from embedded_engine.cli.words import Step
from embedded_engine.cli.workbench import Work, Workbench
from embedded_engine.errors import EngineError

_SWITCHES = {"-l": "list", "--list": "list", "-y": "apply", "--auto-apply": "apply", "--dry-run": "dry"}
_SIGNS = {"ADDED": "+", "REMOVED": "-", "RENAMED": ">"}


@dataclass(frozen=True)
class Generation:
    """Which generators to run, and what becomes of their changes. `asks` is whether a person is asked first."""

    selection: Selection
    asks: bool = False
    dry: bool = False

    @classmethod
    def parse(cls, words: Sequence[str], options: Options) -> tuple[Generation, Options]:
        """Read the words after `ci generate`. On a terminal a person is asked, as on Dagger, unless told not to."""
        options, patterns, switches = options.take_selection(words, _SWITCHES, "generate")
        asks = "apply" not in switches and sys.stdin.isatty() and sys.stderr.isatty()
        selection = Selection(patterns, "list" in switches, with_checks=False)
        return cls(selection, asks, "dry" in switches), options


async def generate(generation: Generation, options: Options) -> None:
    """Run the generators and apply what they change to the current directory. Nothing is applied if one fails."""
    bench = Workbench(options)
    source = bench.source()
    selection = generation.selection
    if selection.lists:
        sys.stdout.write(_listed(select(await bench.catalog(source), selection, source.name)))
        return
    known = bench.known_catalog(source)
    if known is not None:
        select(known, selection, source.name)  # a name that no generator has is refused before anything starts
    async with bench.work(source) as work:
        generators = select(work.catalog, selection, source.name)
        if not generators:
            raise UsageError(f"the module {source.name} has no generators (@generate)")
        state = await work.runner.construct(bench.with_fresh(Step(work.catalog.constructor)))
        changeset = await work.runner.merged(await _run_all(generators, work, state))
        changes = await work.runner.changes(changeset)
        work.progress.result(shown(changes))
        if not changes or generation.dry:
            return
        if generation.asks:
            work.progress.close()  # the question has the terminal for itself
            if not await _agreed():
                return
        await work.runner.apply(changeset)


async def _run_all(generators: Sequence[Check], work: Work, state: object) -> list[str]:
    """Run the generators concurrently; their changesets. Raises FunctionError with all that failed."""
    results = await asyncio.gather(*(_run_one(each, work, state) for each in generators), return_exceptions=True)
    failed = [each for each in results if isinstance(each, EngineError)]
    for each in results:
        if isinstance(each, BaseException) and (len(failed) == 1 or not isinstance(each, EngineError)):
            raise each
    if failed:
        raise FunctionError(f"{len(failed)} of {len(results)} generators failed", details="\n".join(map(str, failed)))
    return [each for each in results if isinstance(each, str)]


async def _run_one(generator: Check, work: Work, state: object) -> str:
    """The id of the changeset that a generator returns."""
    try:
        outcome = await work.runner.follow(state, [Step(function) for function in generator.path])
    except FunctionError as error:
        raise FunctionError(f"{generator.name}: {error}", details=error.details, exit_code=error.exit_code) from error
    if outcome.type_def.object_name != "Changeset" or not isinstance(outcome.value, str):
        raise FunctionError(f"{generator.name} did not return a changeset")
    return outcome.value


async def _agreed() -> bool:
    sys.stderr.write("Apply changes? [y/N] ")
    sys.stderr.flush()
    return (await asyncio.to_thread(sys.stdin.readline)).strip().lower() in ("y", "yes")


def shown(changes: Sequence[FileChange]) -> str:
    """A line for each file that changes, and their sum."""
    if not changes:
        return "no changes to apply\n"
    width = max(len(each.path) for each in changes)
    lines = [f"{_SIGNS.get(each.kind, '~')} {each.path:<{width}}  +{each.added} -{each.removed}" for each in changes]
    added, removed = (sum(getattr(each, name) for each in changes) for name in ("added", "removed"))
    total = f"{len(changes)} {'file' if len(changes) == 1 else 'files'} changed, +{added} -{removed} lines"
    return "".join(f"{line}\n" for line in (*lines, total))


def _listed(generators: Sequence[Check]) -> str:
    width = max([len("Name"), *(len(each.name) for each in generators)])
    lines = [f"{'Name':<{width}}   Description"]
    lines += [f"{each.name:<{width}}   {each.description}".rstrip() for each in generators]
    return "".join(f"{line}\n" for line in lines)
