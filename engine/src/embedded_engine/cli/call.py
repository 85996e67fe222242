"""`ci call` and `ci functions`: run a chain and print what it came to, or say what could be called."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from embedded_engine.api.definitions import Function, TypeDef
from embedded_engine.cli.catalog import Catalog
from embedded_engine.cli.errors import UsageError
from embedded_engine.cli.generate import shown
from embedded_engine.cli.help import function_help, functions_table
from embedded_engine.cli.naming import kebab_case, suggestion
from embedded_engine.cli.options import Options
from embedded_engine.cli.output import printed
from embedded_engine.cli.words import Chain, parse_chain, type_name
from embedded_engine.cli.workbench import FRESH, Workbench

NOT_APPLIED = "Nothing is changed yet: `export --path=.` at the end applies it, `as-patch contents` shows every line."


async def call(words: Sequence[str], options: Options) -> None:
    """Read the words, run them, print the result. Without a function, or with `--help`, print help instead."""
    bench = Workbench(options)
    source = bench.source()
    known = bench.known_catalog(source)
    if known is not None:
        chain = _read(words, known, options)
        if (text := _help(chain, known)) is not None:
            sys.stdout.write(text)
            return
        bench.options = chain.options
    note = ""
    async with bench.work(source) as work:
        chain = _read(words, work.catalog, options)
        text = _help(chain, work.catalog)
        if text is None:
            first, *others = chain.steps
            outcome = await work.runner.run([bench.with_fresh(first), *others], chain.options.output)
            if outcome.type_def.object_name == "Changeset" and isinstance(outcome.value, str):
                text, note = shown(await work.runner.changes(outcome.value)), NOT_APPLIED
            else:
                text, note = printed(outcome, work.catalog, chain.options, bench.workdir)
    if note:
        sys.stderr.write(f"{note}\n")
    sys.stdout.write(text)
    if text and not text.endswith("\n") and sys.stdout.isatty():
        sys.stdout.write("\n")


async def functions(words: Sequence[str], options: Options) -> None:
    """List the functions of the module, or of what a chain of functions returns."""
    bench = Workbench(options)
    catalog = await bench.catalog(bench.source())
    type_def = catalog.constructor.return_type
    for name in words:
        type_def = _following(catalog, type_def, name)
    supported, skipped = catalog.supported(type_def)
    sys.stdout.write(functions_table(supported, skipped))


def _read(words: Sequence[str], catalog: Catalog, options: Options) -> Chain:
    return parse_chain(words, catalog.constructor, catalog.functions_of, options)


def _help(chain: Chain, catalog: Catalog) -> str | None:
    """Help, if that is what the words ask for."""
    if not chain.wants_help and len(chain.steps) > 1:
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
    named += [f"--{name}" for name in ("json", "silent", "verbose") if getattr(options, name)]
    if options.progress != "auto":
        named += ["--progress", options.progress]
    if options.no_cache:
        named += [f"--{FRESH}", uuid4().hex]
    return [*named, *words]
