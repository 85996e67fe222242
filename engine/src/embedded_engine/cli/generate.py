"""`ci generate`: every generator of the module, or those that are named; what they change is shown, then applied."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from embedded_engine.cli.errors import FunctionError, UsageError
from embedded_engine.cli.options import Options
from embedded_engine.cli.outcome import FileChange
from embedded_engine.cli.selection import Check, Selection, checks_of, members_of, select
from embedded_engine.cli.words import Step
from embedded_engine.cli.workbench import Work, Workbench
from embedded_engine.errors import EngineError

_SWITCHES = {"-l": "list", "--list": "list", "--dry-run": "dry"}
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
        asks = not options.auto_apply and may_ask()
        selection = Selection(patterns, "list" in switches, with_checks=False)
        return cls(selection, asks, "dry" in switches), options


async def generate(generation: Generation, options: Options) -> None:
    """Run the generators and apply what they change to the current directory. Nothing is applied if one fails."""
    bench = Workbench(options)
    members = members_of(bench.source())
    selection = generation.selection
    if selection.lists:
        sys.stdout.write(_listed(select([(each, await bench.catalog(each)) for each in members], selection)))
        return
    catalogs = [(each, known) for each in members if (known := bench.known_catalog(each)) is not None]
    if len(catalogs) == len(members):
        select(catalogs, selection)  # a name that no generator has is refused before anything starts
    idle = [each for each, catalog in catalogs if not checks_of(each, catalog, selection)]
    ran = 0
    for member in members:
        if member in idle:
            continue
        async with bench.work(member) as work:
            catalogs.append((member, work.catalog))
            if generators := checks_of(member, work.catalog, selection):
                ran += len(generators)
                await _generate(generators, generation, bench, work)
    select(catalogs, selection)
    if not ran:
        raise UsageError(f"the module {bench.source().name} has no generators (@generate)")


async def _generate(generators: Sequence[Check], generation: Generation, bench: Workbench, work: Work) -> None:
    """Run the generators of one module, show what they change, and apply it."""
    state = await work.runner.construct(bench.with_fresh(Step(work.catalog.constructor)))
    changeset = await work.runner.merged(await _run_all(generators, work, state))
    changes = await work.runner.changes(changeset)
    work.progress.result(shown(changes))
    if not changes or generation.dry:
        return
    if generation.asks and not await agreed(work):
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


def may_ask() -> bool:
    """Whether a person is there."""
    return sys.stdin.isatty() and sys.stderr.isatty()


async def agreed(work: Work) -> bool:
    """Ask the person whether to apply what was shown."""
    work.progress.close()  # the question has the terminal for itself
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
