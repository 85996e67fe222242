"""`ci check`: every check of the module and its toolchains, or those that are named, all at once."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence

from embedded_engine.cli.errors import FunctionError
from embedded_engine.cli.options import Options
from embedded_engine.cli.selection import Check, Selection, checks_of, members_of, select
from embedded_engine.cli.words import Step
from embedded_engine.cli.workbench import Work, Workbench
from embedded_engine.errors import EngineError
from embedded_engine.progress.text import seconds


async def check(selection: Selection, options: Options) -> None:
    """Run the selected checks and print a line for each. Raises FunctionError when one failed."""
    bench = Workbench(options)
    members = members_of(bench.source())
    if selection.lists:
        catalogs = [(each, await bench.catalog(each)) for each in members]
        sys.stdout.write(listed(select(catalogs, selection)))
        return
    catalogs = [(each, known) for each in members if (known := bench.known_catalog(each)) is not None]
    if len(catalogs) == len(members):
        select(catalogs, selection)  # a name that no check has is refused before anything starts
    idle = [each for each, catalog in catalogs if not checks_of(each, catalog, selection)]
    ran = failed = 0
    for member in members:
        if member in idle:
            continue
        async with bench.work(member) as work:
            catalogs.append((member, work.catalog))
            checks = checks_of(member, work.catalog, selection)
            ran += len(checks)
            if checks:
                state = await work.runner.construct(bench.with_fresh(Step(work.catalog.constructor)))
                failed += await _run_all(checks, work, state, selection.fail_fast)
        if failed and selection.fail_fast:
            break
    if failed:
        raise FunctionError(f"{failed} of {ran} checks failed: run one with `ci check NAME`")
    select(catalogs, selection)


def listed(checks: Sequence[Check]) -> str:
    """The table of `ci check -l`."""
    width = max([len("Name"), *(len(each.name) for each in checks)])
    lines = [f"{'Name':<{width}}   Description"]
    lines += [f"{each.name:<{width}}   {each.description}".rstrip() for each in checks if not each.generates]
    generators = [each for each in checks if each.generates]
    if generators:
        lines += ["", "Generators", *(f"{each.name:<{width}}   {each.description}".rstrip() for each in generators)]
    return "".join(f"{line}\n" for line in lines)


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
