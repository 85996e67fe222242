"""Commands about the machine rather than a module: what it lacks, what the store keeps, a session for a program."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from embedded_engine.cli.errors import UsageError
from embedded_engine.cli.options import Options
from embedded_engine.errors import EngineError
from embedded_engine.store import default_root
from embedded_engine.user_namespace import is_rootless

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


class DoctorError(EngineError):
    """The machine lacks something that the engine cannot do without."""


def doctor() -> None:
    """Print a line for each thing that is looked at, with its remedy when it is missing."""
    from embedded_engine.sandbox.doctor import probe

    checks = probe()
    width = max((len(each.name) for each in checks), default=0)
    for each in checks:
        sys.stdout.write(f"{'✔' if each.ok else '✘'} {each.name:<{width}}  {each.detail}\n")
        if not each.ok and each.remedy:
            sys.stdout.write(f"  {'':<{width}}  mend it: {each.remedy}\n")
    missing = [each.name for each in checks if not each.ok]
    if missing:
        raise DoctorError(f"this machine lacks {', '.join(missing)}")


def verify() -> None:
    """Hold the store to what was noted of it, and print what was damaged."""
    from embedded_engine.store.verify import verify as verify_store

    found = verify_store(default_root(), rootless=is_rootless())
    for each in found.damages:
        sys.stdout.write(f"✘ {each.kind} {each.name}: {each.reason}\n")
    said = f"{len(found.damages)} damaged and removed: made again when needed" if found.damages else "whole"
    if found.sealed:
        said += f" ({found.sealed} layers had no seal, and were taken as they are)"
    sys.stdout.write(f"store {default_root()}: {said}\n")


def prune(keep: str) -> None:
    """Make the store no larger than `keep`."""
    from embedded_engine.store.prune import prune as prune_store

    report = prune_store(default_root(), parse_size(keep))
    sys.stdout.write(f"freed {_shown(report.freed_bytes)}, kept {_shown(report.kept_bytes)}\n")


def save(file: str, keep: str) -> None:
    """Write the store, no larger than `keep`, to a file."""
    from embedded_engine.store.archive import save as save_store

    report = save_store(default_root(), Path(file), parse_size(keep))
    sys.stdout.write(f"saved {_shown(report.kept_bytes)} as {_shown(Path(file).stat().st_size)}\n")


def restore(file: str) -> None:
    """Make the store that a file holds."""
    from embedded_engine.store.archive import restore as restore_store

    restore_store(default_root(), Path(file))
    sys.stdout.write(f"restored {default_root()}\n")


def session(words: Sequence[str], options: Options) -> int:
    """Run a program that finds a session of the engine by its environment; the program's exit code.

    Without a program it serves the one that started it: the SDK, which was told that this is Dagger's command line.
    """
    from embedded_engine.cli.workbench import Workbench

    options, command = options.take_all(words)
    if command[:1] == ["--label"]:
        return _serve_starter(command, options)
    command = command[1:] if command[:1] == ["--"] else command
    if not command:
        raise UsageError("session needs a command: ci session -- python script.py")
    with Workbench(options).session() as (served, _, _):
        try:
            return subprocess.run(command, env={**os.environ, **served.environment}, check=False).returncode
        except OSError as error:
            raise UsageError(f"cannot run {command[0]!r}: {error.strerror}") from None


def _serve_starter(words: Sequence[str], options: Options) -> int:
    """A session for as long as standard input is open; where it is, is the one line on standard output."""
    from embedded_engine.cli.workbench import Workbench

    for name, value in itertools.pairwise(words):
        if name == "--workdir":
            os.chdir(value)
    with Workbench(options).session() as (served, _, _):
        environment = served.environment
        told = {"port": int(environment["DAGGER_SESSION_PORT"]), "session_token": environment["DAGGER_SESSION_TOKEN"]}
        sys.stdout.write(f"{json.dumps(told)}\n")
        sys.stdout.flush()
        sys.stdin.read()
    return 0


def parse_size(text: str) -> int:
    """A number of bytes, such as 500M or 10G.

    >>> parse_size("10G"), parse_size("512")
    (10737418240, 512)
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    if found is None:
        raise UsageError(f"a size is a number of bytes, such as 500M or 10G, not {text!r}")
    return int(float(found[1]) * _UNITS[found[2].upper()])


def _shown(size: float) -> str:
    units = ["bytes", "KiB", "MiB", "GiB", "TiB"]
    while size >= 1024 and len(units) > 1:
        size /= 1024
        units.pop(0)
    return f"{size:.0f} {units[0]}" if units[0] == "bytes" else f"{size:.1f} {units[0]}"
