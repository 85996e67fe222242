"""`ci call` and `ci functions`: run a chain and print what it came to, or say what could be called."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from embedded_engine.api.definitions import Function, TypeDef
from embedded_engine.cli.catalog import Catalog
from embedded_engine.cli.errors import UsageError
from embedded_engine.cli.generate import agreed, may_ask, shown
from embedded_engine.cli.help import function_help, functions_table, tools_table
from embedded_engine.cli.module import ModuleSource
from embedded_engine.cli.naming import kebab_case, suggestion
from embedded_engine.cli.options import Options
from embedded_engine.cli.output import printed
from embedded_engine.cli.words import Chain, parse_chain, type_name
from embedded_engine.cli.workbench import FRESH, Work, Workbench

NOT_APPLIED = "Nothing is changed yet: -y applies it, `as-patch contents` at the end shows every line."
APPLIED = "It is applied."


async def call(words: Sequence[str], options: Options) -> None:
    """Read the words, run them, print the result. Without a function, or with `--help`, print help instead."""
    bench = Workbench(options)
    source, words = _reached(bench, words)
    known = bench.known_catalog(source)
    if known is not None:
        chain = _read(words, known, options)
        if (text := _help(chain, known)) is not None:
            sys.stdout.write(text + await _tools_help(bench, source, chain))
            return
        bench.options = chain.options
    note = ""
    async with bench.work(source) as work:
        chain = _read(words, work.catalog, options)
        text = _help(chain, work.catalog)
        if text is None:
            first, *others = chain.steps
            outcome = await work.runner.run([bench.with_fresh(first), *others], chain.options.output)
            if outcome.type_def.object_name == "Changeset" and outcome.exported is None and outcome.value:
                text, note = await _changes(outcome.value, work, chain.options)
            else:
                text, note = printed(outcome, work.catalog, chain.options, bench.workdir)
    if note:
        sys.stderr.write(f"{note}\n")
    if chain.wants_help or len(chain.steps) == 1:
        text += await _tools_help(bench, source, chain)
    sys.stdout.write(text)
    if text and not text.endswith("\n") and sys.stdout.isatty():
        sys.stdout.write("\n")


async def _changes(changesets: Any, work: Work, options: Options) -> tuple[str, str]:
    """What a changeset (or several as one) changes, and what became of it: applied if the words or a person say so."""
    changeset = await work.runner.merged(changesets if isinstance(changesets, list) else [changesets])
    changes = await work.runner.changes(changeset)
    text = shown(changes)
    if not changes:
        return text, ""
    if not options.auto_apply and may_ask():
        work.progress.result(text)
        if not await agreed(work):
            return "", ""
        text = ""
    elif not options.auto_apply:
        return text, NOT_APPLIED
    await work.runner.apply(changeset)
    return text, APPLIED


async def functions(words: Sequence[str], options: Options) -> None:
    """List the functions of the module, or of what a chain of functions returns."""
    bench = Workbench(options)
    source, words = _reached(bench, words)
    catalog = await bench.catalog(source)
    type_def = catalog.constructor.return_type
    for name in words:
        type_def = _following(catalog, type_def, name)
    supported, skipped = catalog.supported(type_def)
    tools = {} if words or bench.prefix else await _tools(bench, source)
    sys.stdout.write(functions_table({**supported, **tools}, skipped))


def _reached(bench: Workbench, words: Sequence[str]) -> tuple[ModuleSource, Sequence[str]]:
    """The module that the words are for, and those after its name: a toolchain that the first one names, or the module."""
    source = bench.source()
    for tool in source.tools() if words and source.toolchains else ():
        if kebab_case(tool.name) == kebab_case(words[0]):
            bench.prefix = (kebab_case(tool.name),)
            return tool, words[1:]
    return source, words


async def _tools(bench: Workbench, source: ModuleSource) -> dict[str, Function]:
    """The toolchains of a module as functions that make their main objects."""
    found = {}
    for tool in source.tools():
        catalog = await bench.catalog(tool)
        constructor = catalog.constructor
        description = constructor.description or catalog.main.description or catalog.module.description
        found[kebab_case(tool.name)] = replace(constructor, name=tool.name, description=description)
    return found


async def _tools_help(bench: Workbench, source: ModuleSource, chain: Chain) -> str:
    """What help on the module says of its toolchains."""
    if len(chain.steps) > 1 or bench.prefix or not source.toolchains:
        return ""
    return tools_table(await _tools(bench, source))


def _read(words: Sequence[str], catalog: Catalog, options: Options) -> Chain:
    return parse_chain(words, catalog.constructor, catalog.functions_of, options)


def _help(chain: Chain, catalog: Catalog) -> str | None:
    """Help, if that is what the words ask for."""
    if not chain.wants_help and (len(chain.steps) > 1 or catalog.prefix):
        return None
    return function_help([step.function for step in chain.steps], catalog)


def _following(catalog: Catalog, type_def: TypeDef, name: str) -> TypeDef:
    known: dict[str, Function] = catalog.functions_of(type_def) or {}
    found = known.get(kebab_case(name))
    if found is None:
        raise UsageError(f"unknown function {name!r}{suggestion(name, known)}")
    if not found.return_type.object_name:
        raise UsageError(f"{name} returns {type_name(found.return_type)}, which has no functions")
    return found.return_type


def dagger_words(words: Sequence[str], options: Options) -> list[str]:
    """The same words for the `dagger` command: the options that it has too, then the rest as it stands."""
    named: list[str] = []
    if options.module != Path():
        named += ["--mod", str(options.module)]
    if options.output is not None:
        named += ["--output", options.output]
    named += [
        f"--{name.replace('_', '-')}" for name in ("json", "silent", "verbose", "auto_apply") if getattr(options, name)
    ]
    if options.progress != "auto":
        named += ["--progress", options.progress]
    if options.no_cache:
        named += [f"--{FRESH}", uuid4().hex]
    return [*named, *words]
