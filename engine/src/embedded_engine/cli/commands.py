"""The commands of `ci` as Typer shows them: help, and the commands whose options are fixed.

The commands that take the words of a chain (`call`, `functions`, `check`, `generate`) read those themselves, so a run of theirs
does not come through here and does not wait for the import.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from embedded_engine.cli import machine
from embedded_engine.cli.options import Options

EPILOG = (
    "ci NAME is short for ci call NAME. Options of every command: -m/--mod PATH, -o/--output PATH, -j/--json, "
    "--no-cache, -y/--auto-apply, -s/--silent, -v/--verbose, --progress auto|plain|tty|none, --engine embedded|dagger."
)
_WORDS: dict[str, Any] = {"ignore_unknown_options": True, "allow_extra_args": True, "allow_interspersed_args": False}

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False, no_args_is_help=True)


@app.callback(epilog=EPILOG)
def ci() -> None:
    """Call the functions of a Dagger module on this machine: no Docker, no daemon, no registry."""


@app.command(context_settings=_WORDS, epilog=EPILOG)
def call() -> None:
    """Call functions, one on the result of another: [--ARGUMENT ...] FUNCTION [--ARGUMENT ...] [FUNCTION ...]"""


@app.command(context_settings=_WORDS, epilog=EPILOG)
def functions() -> None:
    """List functions: of the module, or of what a chain of functions returns: [FUNCTION ...]"""


@app.command(context_settings=_WORDS, epilog=EPILOG)
def check() -> None:
    """Run all checks, or those named: [-l/--list] [--failfast] [--no-generate] [NAME or glob ...]"""


@app.command(context_settings=_WORDS, epilog=EPILOG)
def generate() -> None:
    """Run all generators, or those named, show what they change, apply it: [-l/--list] [-y/--auto-apply] [--dry-run] [NAME or glob ...]"""


@app.command()
def doctor() -> None:
    """Say what this machine lacks, and the command that mends it."""
    machine.doctor()


@app.command()
def verify() -> None:
    """Hold everything in the store to its checksum; what is damaged is removed, and made again when needed."""
    machine.verify()


@app.command()
def prune(keep: Annotated[str, typer.Option(help="How much to keep, such as 500M or 10G")] = "10G") -> None:
    """Remove what was used least recently until the store is no larger than --keep."""
    machine.prune(keep)


@app.command()
def save(file: str, keep: Annotated[str, typer.Option(help="How much to keep, such as 500M or 10G")] = "10G") -> None:
    """Write the store to one FILE, for a machine that starts without one: ci restore FILE"""
    machine.save(file, keep)


@app.command()
def restore(file: str) -> None:
    """Make the store that ci save wrote to FILE, where none is yet."""
    machine.restore(file)


@app.command(context_settings=_WORDS, epilog=EPILOG)
def session(ctx: typer.Context) -> None:
    """Run a command with a session of the engine: ci session -- python script.py"""
    raise typer.Exit(machine.session(ctx.args, ctx.obj))


def run_typer(words: Sequence[str], options: Options) -> int:
    """Run one of these commands; its exit code. What the parser refuses is raised with a `format_message`."""
    code = app(args=list(words), prog_name="ci", standalone_mode=False, obj=options)
    return code if isinstance(code, int) else 0
