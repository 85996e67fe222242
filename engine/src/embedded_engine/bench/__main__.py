"""`python -m embedded_engine.bench`: the pipeline as a user runs it, then how the engine's figures grow with size.

The first part runs `ci quick` in a repository with this project's module, with the bare tools beside it; each figure is
a median, the budget stands beside it. The second part runs every case at several sizes, each in a process and a store
of its own, beside the user's store; each figure is the least of its runs. All of it is removed in the end.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence

from embedded_engine.bench.case import CASES
from embedded_engine.bench.growth import measure_growth
from embedded_engine.bench.pipeline import PARTS, measure_parts


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    # What is asked to end cleans up, as after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    names = [*PARTS, *(case.name for case in CASES)]
    parser = argparse.ArgumentParser(
        prog="python -m embedded_engine.bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=None, help="counted runs of each command and figure (7 and 3)")
    parser.add_argument("--only", action="append", choices=names, metavar="NAME", help=f"one of: {', '.join(names)}")
    parser.add_argument("--sizes", type=_sizes, help="sizes in place of each case's own, such as 1250,5000,20000")
    parser.add_argument("--json", metavar="FILE", help="write the figures of the cases there, too")
    given = parser.parse_args(arguments)
    chosen = given.only or names
    parts = [name for name in PARTS if name in chosen]
    if parts:
        measure_parts(parts, given.runs or 7)
    cases = [case for case in CASES if case.name in chosen]
    if cases and not measure_growth(cases, given.sizes, given.runs or 3, given.json):
        sys.exit(1)


def _sizes(text: str) -> tuple[int, ...]:
    sizes = tuple(int(word.replace("_", "")) for word in text.split(","))
    if any(size < 1 for size in sizes):
        raise argparse.ArgumentTypeError("sizes are 1 or more")
    return sizes


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
