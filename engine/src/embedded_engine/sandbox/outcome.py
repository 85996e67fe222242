"""From what the supervisor says about a program's end to an Exit, or to the error that it was."""

from __future__ import annotations

import json
import re
import signal
from typing import Any

from embedded_engine.sandbox.errors import SandboxError, StartError
from embedded_engine.sandbox.spec import Exit

_INIT_FAILURE = re.compile(rb"\[FATAL tini \(\d+\)\] exec (?P<program>.*) failed: (?P<reason>.*)", re.DOTALL)
_CRUN_NOT_FOUND = re.compile(r"executable file `(?P<program>.*)` not found(?: in \$PATH|:)")
_PREFIXES = (
    "container_linux.go",
    "runc run failed: ",
    "runc create failed: ",
    "exec failed: ",
    "unable to start container process: ",
)
# runc and crun name the program that they could not execute, or the working directory that they could not make;
# everything else is about the sandbox.
_ABOUT_THE_PROGRAM = re.compile(
    r'exec: "|exec /|executable file|chdir to cwd|open executable|exec format error|cannot chdir|container init: mkdir'
)


def exit_of(outcome: dict[str, Any]) -> Exit:
    """The exit of a program that ran. Raises StartError when it could not be started, SandboxError for all else."""
    if "failed" in outcome:
        text = outcome["failed"] or _runtime_error(outcome["log"])
        raise StartError(text) if _ABOUT_THE_PROGRAM.search(text) else SandboxError(f"sandbox: {text}")
    if outcome.get("init"):
        raise StartError(_init_error(outcome["init"]))
    if outcome.get("output"):
        raise SandboxError(f"the output of a container cannot be written: {outcome['output']}")
    code = outcome["status"]
    return Exit(
        code=code if code >= 0 else 128 - code,
        signal=_signal_name(-code) if code < 0 else None,
        oom_killed=outcome.get("oom_killed", False),
        seconds=outcome["seconds"],
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIGNAL {number}"


def _runtime_error(log: bytes) -> str:
    """The last error in a runtime's log of JSON lines."""
    text = "the OCI runtime failed without a word"
    for line in log.decode(errors="replace").splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if entry.get("level") == "error":
            text = " ".join(str(entry.get("msg", text)).split())
    if match := _CRUN_NOT_FOUND.search(text):
        name = match["program"]
        reason = f"stat {name}: no such file or directory" if "/" in name else "executable file not found in $PATH"
        return f'exec: "{name}": {reason}'
    for prefix in _PREFIXES:
        _before, found, after = text.partition(prefix)
        text = after if found else text
    return text


def _init_error(written: bytes) -> str:
    """An init's complaint in the words of the real engine's init."""
    match = _INIT_FAILURE.search(written)
    if match is None:
        return written.decode(errors="replace").strip()
    name, reason = match["program"].decode(errors="replace"), match["reason"].decode(errors="replace").strip()
    if "/" not in name:
        return f'exec: "{name}": executable file not found in $PATH'
    return f"fork/exec {name}: {reason[:1].lower()}{reason[1:]}"
