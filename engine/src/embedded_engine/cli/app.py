"""The commands of `ci`, and the one place that prints errors."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NoReturn

from embedded_engine.cli.call import call, dagger_words, functions
from embedded_engine.cli.checks import check as run_checks
from embedded_engine.cli.errors import FunctionError, UsageError
from embedded_engine.cli.options import Options
from embedded_engine.cli.selection import Selection
from embedded_engine.cli.workbench import debugging
from embedded_engine.errors import EngineError
from embedded_engine.user_namespace import become_root

INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM

Work = Callable[[Sequence[str], Options], Coroutine[Any, Any, None]]


async def _check(words: Sequence[str], options: Options) -> None:
    selection, options = Selection.parse(words, options)
    await run_checks(selection, options)


async def _generate(words: Sequence[str], options: Options) -> None:
    from embedded_engine.cli.generate import Generation, generate

    generation, options = Generation.parse(words, options)
    await generate(generation, options)


_WORD_COMMANDS: dict[str, Work] = {"call": call, "functions": functions, "check": _check, "generate": _generate}
_OTHER_COMMANDS = frozenset({"doctor", "prune", "restore", "save", "session", "verify"})
_ARGUMENTS_TOO = frozenset({"--debug", "--quiet"})
"""Options that modules have as arguments, too: after `call` they are theirs first."""
_HELP = ("--help", "-h")


def run(words: Sequence[str]) -> int:
    """Run the command that the words make; its exit code. Commands win over functions of the same name."""
    options = Options()
    try:
        options, rest = options.take_all(words)
        if not rest or rest[0] in _HELP or rest[0] in _OTHER_COMMANDS or _asks_for_help(rest):
            from embedded_engine.cli.commands import run_typer

            if rest and rest[0] in _OTHER_COMMANDS - {"doctor"}:
                become_root()  # the doctor says what is missing for it
            return run_typer(["--help" if word == "-h" else word for word in rest] or ["--help"], options)
        command = rest.pop(0) if rest[0] in _WORD_COMMANDS else "call"
        options, rest = options.take_all(rest, leave=_ARGUMENTS_TOO)
        if options.engine == "dagger":
            _hand_over(command, rest, options)
        become_root()
        asyncio.run(_until_signal(_WORD_COMMANDS[command](rest, options)))
        return 0
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
        return _print_error(error, verbose=_verbose(words))
    except Exception as error:  # noqa: BLE001 - whatever it is, a person gets one line
        if hasattr(error, "format_message"):  # the option parser's
            return _print_error(UsageError(" ".join(error.format_message().split())), verbose=False)
        if _verbose(words):
            traceback.print_exc()
        if isinstance(error, OSError) and error.strerror:
            place = f": {error.filename}" if error.filename else ""
            sys.stderr.write(f"Error: {error.strerror}{place}\n")
            return 1
        text = " ".join(str(error).split())
        sys.stderr.write(f"Error: unexpected {type(error).__name__}: {text} (CI_ENGINE_DEBUG=1 shows where)\n")
        return 1


def _asks_for_help(words: Sequence[str]) -> bool:
    """`ci check --help`: help on a command; `ci call --help` is the module's."""
    return words[0] in ("functions", "check", "generate") and any(word in _HELP for word in words[1:])


def _verbose(words: Sequence[str]) -> bool:
    """Whether tracebacks are wanted; the option may stand anywhere among the words."""
    return debugging() or "-v" in words or "--verbose" in words


class _TerminatedError(Exception):
    """SIGTERM arrived."""


def _print_error(error: EngineError, *, verbose: bool) -> int:
    if verbose:
        traceback.print_exception(error.__cause__ or error)
    sys.stderr.write(f"Error: {error}\n")
    if isinstance(error, FunctionError) and error.details:
        sys.stderr.write("".join(f"  {line}\n" for line in error.details.splitlines()))
    return error.exit_code


def _hand_over(command: str, words: Sequence[str], options: Options) -> NoReturn:
    """Become the `dagger` command with the same words."""
    program = shutil.which("dagger")
    if program is None:
        raise UsageError("--engine dagger needs the dagger command on PATH: https://docs.dagger.io/install")
    sys.stdout.flush()
    os.execv(program, [program, command, *dagger_words(words, options)])  # noqa: S606 - the user's own program


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
