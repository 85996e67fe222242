"""The command line `ci`."""

from __future__ import annotations

import gc
import os
import sys


def main() -> None:
    """Run the command and end the process with its code."""
    _keep_bytecode()
    _become_root(sys.argv[1:])
    gc.disable()  # a start makes only what stays; whoever runs a module's code turns it on again
    from embedded_engine.cli.app import run

    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except OSError as error:
        code = code or 1
        if not isinstance(error, BrokenPipeError):  # who read it has gone, and knows
            sys.stderr.write(f"Error: the result cannot be written: {error.strerror}\n")
    sys.stderr.flush()
    # Everything that runs has been closed; what is left is freeing a few hundred modules one by one.
    os._exit(code)


def _become_root(words: list[str]) -> None:
    """An ordinary user's run goes on as root of a user namespace; at once, since threads would make that impossible."""
    if os.geteuid() == 0 or not _runs_the_engine(words):
        return
    from embedded_engine.user_namespace import UserNamespaceError, become_root

    try:
        become_root()
    except UserNamespaceError as error:
        sys.stderr.write(f"Error: {error}\n")
        sys.stderr.flush()
        os._exit(error.exit_code)


def _runs_the_engine(words: list[str]) -> bool:
    """Not when the doctor is to say what is missing, and not when another engine does the work."""
    own = words[: words.index("--")] if "--" in words else words
    dagger = "--engine=dagger" in own or ("--engine", "dagger") in zip(own, own[1:], strict=False)
    return not dagger and "doctor" not in own[:1] and own not in ([], ["--help"], ["-h"])


def _keep_bytecode() -> None:
    """Where the user wants no byte code beside the sources, keep it in the cache: without any, a start takes seconds."""
    if sys.dont_write_bytecode and sys.pycache_prefix is None:
        cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111 - pathlib costs more
        sys.pycache_prefix = f"{cache}/ci-engine-bytecode"
        sys.dont_write_bytecode = False
