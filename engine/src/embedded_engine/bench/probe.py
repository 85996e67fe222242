"""One case at one size in this process: `python -m embedded_engine.bench.probe NAME SIZE RUNS PLACE` writes its figures."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from embedded_engine.bench.case import case_named
from embedded_engine.bench.meter import Meter, peak_mib
from embedded_engine.user_namespace import become_root


def main() -> None:
    """Measure, and write `{"figures": ..., "peak": MiB}`, the figures by name, to standard output."""
    name, size, runs, place = sys.argv[1:]
    become_root()
    meter = Meter(Path(place), int(runs))
    asyncio.run(case_named(name).measure(meter, int(size)))
    print(json.dumps({"figures": meter.figures, "peak": peak_mib()}))


if __name__ == "__main__":
    main()
