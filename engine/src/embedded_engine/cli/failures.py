"""What a function raised, as a person reads it: one line, and for a command its code and the end of its output."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import dagger
from dagger.mod._exceptions import FunctionError as SdkFunctionError
from dagger.mod._exceptions import InvalidResultError

from embedded_engine.cli.errors import FunctionError
from embedded_engine.errors import EngineError

_TAIL_LINES = 60


def failure_of(error: BaseException) -> EngineError:
    """The error to show for whatever came out of a module."""
    cause = root_of(error)
    if isinstance(cause, EngineError):
        return cause
    if isinstance(cause, dagger.ExecError):
        return exec_failure(cause.message, cause.command, cause.exit_code, cause.stdout, cause.stderr)
    return FunctionError(_message(cause))


def exec_failure(message: str, command: Sequence[str], exit_code: int, stdout: str, stderr: str) -> FunctionError:
    """The error of a command that failed; the process ends with the command's own code."""
    lines = [f"command: {shlex.join(command)}", f"exit code: {exit_code}"]
    for name, text in (("stdout", stdout), ("stderr", stderr)):
        tail = text.rstrip().splitlines()
        if tail:
            cut = len(tail) > _TAIL_LINES
            lines.append(f"{name} (the last {_TAIL_LINES} of {len(tail)} lines):" if cut else f"{name}:")
            lines.extend(f"  {line}" for line in tail[-_TAIL_LINES:])
    first = message.strip().partition("\n")[0] or "a command failed"
    return FunctionError(
        first,
        details="\n".join(lines),
        exit_code=exit_code if 0 < exit_code < 256 else 1,
        extensions={
            "_type": "EXEC_ERROR",
            "cmd": list(command),
            "exitCode": exit_code,
            "stdout": stdout,
            "stderr": stderr,
        },
    )


def root_of(error: BaseException) -> BaseException:
    """The error that says most: what a wrapper of the SDK, or a group of one, holds."""
    while True:
        if isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        elif isinstance(error, SdkFunctionError | InvalidResultError) and error.__cause__ is not None:
            error = error.__cause__
        else:
            return error


def _message(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(_message(root_of(each)) for each in error.exceptions)
    text = str(error).strip()
    if isinstance(error, KeyError | AssertionError) or not text:
        return f"{type(error).__name__}: {text}" if text else type(error).__name__
    return text
