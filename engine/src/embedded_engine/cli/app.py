"""The commands of `ci`, and the one place that prints errors."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Coroutine, Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from embedded_engine.cli import machine
from embedded_engine.cli.call import call as call_functions
from embedded_engine.cli.call import dagger_words
from embedded_engine.cli.call import functions as list_functions
from embedded_engine.cli.checks import Selection
from embedded_engine.cli.checks import check as run_checks
from embedded_engine.cli.errors import FunctionError, UsageError
from embedded_engine.cli.options import Options
from embedded_engine.cli.workbench import debugging
from embedded_engine.errors import EngineError

INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM

_WORDS: dict[str, Any] = {
    "ignore_unknown_options": True,
    "allow_extra_args": True,
    "allow_interspersed_args": False,
    "help_option_names": [],
}
_EPILOG = (
    "ci NAME is short for ci call NAME. Options of every command: -m/--mod PATH, -o/--output PATH, -j/--json, "
    "--no-cache, -s/--silent, -v/--verbose, --progress auto|plain|tty|none, --engine embedded|dagger."
)


class _Commands(TyperGroup):
    """Commands win over functions; any other first word is a function to call."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if self.get_command(ctx, args[0]) is None:
            return "call", self.get_command(ctx, "call"), args
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=_Commands, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False, no_args_is_help=True
)


@app.callback(epilog=_EPILOG)
def ci() -> None:
    """Call the functions of a Dagger module on this machine: no Docker, no daemon, no registry."""


@app.command(context_settings=_WORDS, cls=TyperCommand)
def call(ctx: typer.Context) -> None:
    """Call functions, one on the result of another, and print what comes of it."""
    _on_engine("call", ctx, call_functions)


@app.command(context_settings=_WORDS)
def functions(ctx: typer.Context) -> None:
    """List the functions of the module, or of what a chain of functions returns."""
    if _asked_for_help(ctx):
        return
    _on_engine("functions", ctx, list_functions)


@app.command(context_settings=_WORDS)
def check(ctx: typer.Context) -> None:
    """Run all checks, or those named: [-l] [--failfast] [--no-generate] [NAME or glob ...]."""
    if _asked_for_help(ctx):
        return

    async def selected(words: Sequence[str], options: Options) -> None:
        selection, options = Selection.parse(words, options)
        await run_checks(selection, options)

    _on_engine("check", ctx, selected)


@app.command()
def doctor() -> None:
    """Say what this machine lacks, and the command that mends it."""
    machine.doctor()


@app.command()
def prune(keep: Annotated[str, typer.Option(help="How much to keep, such as 10G")] = "10G") -> None:
    """Remove what was used least recently from the store until it is no larger than --keep."""
    machine.prune(keep)


@app.command(context_settings=_WORDS)
def session(ctx: typer.Context) -> None:
    """Run a command with a session of the engine: ci session -- python script.py."""
    if _asked_for_help(ctx):
        return
    raise typer.Exit(machine.session(ctx.args, ctx.obj))


def run(words: Sequence[str]) -> int:
    """Run the command that the words make; its exit code."""
    options = Options()
    try:
        options, rest = options.take_all(words)
        if rest and rest[0].startswith("-") and rest[0] not in ("--help", "-h"):
            rest.insert(0, "call")  # an argument of the module itself
        if rest and rest[0] == "-h":
            rest[0] = "--help"
        code = app(args=rest, prog_name="ci", standalone_mode=False, obj=options)
        return code if isinstance(code, int) else 0
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted: everything that ran has been stopped.\n")
        return INTERRUPTED
    except _TerminatedError:
        sys.stderr.write("Terminated: everything that ran has been stopped.\n")
        return TERMINATED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except EngineError as error:
        return _print_error(error, verbose=options.verbose)
    except Exception as error:  # noqa: BLE001 - whatever it is, a person gets one line
        if hasattr(error, "format_message"):  # the option parser's
            return _print_error(UsageError(" ".join(error.format_message().split())), verbose=False)
        if options.verbose or debugging():
            traceback.print_exc()
        text = " ".join(str(error).split())
        sys.stderr.write(f"Error: unexpected {type(error).__name__}: {text} (CI_ENGINE_DEBUG=1 shows where)\n")
        return 1


class _TerminatedError(Exception):
    """SIGTERM arrived."""


def _print_error(error: EngineError, *, verbose: bool) -> int:
    if verbose or debugging():
        traceback.print_exception(error.__cause__ or error)
    sys.stderr.write(f"Error: {error}\n")
    if isinstance(error, FunctionError) and error.details:
        sys.stderr.write("".join(f"  {line}\n" for line in error.details.splitlines()))
    return error.exit_code


def _on_engine(
    command: str, ctx: typer.Context, work: Callable[[Sequence[str], Options], Coroutine[Any, Any, None]]
) -> None:
    """Do the work here, or hand the same words to Dagger."""
    options, rest = ctx.obj.take_all(ctx.args)
    if options.engine == "embedded":
        asyncio.run(_until_signal(work(rest, options)))
        return
    program = shutil.which("dagger")
    if program is None:
        raise UsageError("--engine dagger needs the dagger command on PATH: https://docs.dagger.io/install")
    sys.stdout.flush()
    os.execv(program, [program, command, *dagger_words(rest, options)])  # noqa: S606 - the user's own program


async def _until_signal(work: Coroutine[Any, Any, None]) -> None:
    """Let SIGTERM end the work as Ctrl-C does: cancelled, cleaned up, then said."""
    task = asyncio.ensure_future(work)
    terminated = False

    def terminate() -> None:
        nonlocal terminated
        terminated = True
        task.cancel()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, terminate)
    try:
        await task
    except asyncio.CancelledError:
        if terminated:
            raise _TerminatedError from None
        raise
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


def _asked_for_help(ctx: typer.Context) -> bool:
    if ctx.args and ctx.args[0] in ("--help", "-h"):
        sys.stdout.write(f"{ctx.get_help()}\n\n{_EPILOG}\n")
        return True
    return False
