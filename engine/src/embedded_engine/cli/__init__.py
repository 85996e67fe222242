"""The command line `ci`."""

from __future__ import annotations

import gc
import os
import sys


def main() -> None:
    """Run the command and end the process with its code."""
    _keep_bytecode()
    gc.disable()  # a start makes only what stays; whoever runs a module's code turns it on again
    gc.set_threshold(50_000)  # and then what a run makes is small: looking at it every 700 objects costs a tenth of it
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


def _keep_bytecode() -> None:
    """Where the user wants no byte code beside the sources, keep it in the cache: without any, a start takes seconds."""
    if sys.dont_write_bytecode and sys.pycache_prefix is None:
        cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111 - pathlib costs more
        sys.pycache_prefix = f"{cache}/ci-engine-bytecode"
        sys.dont_write_bytecode = False
