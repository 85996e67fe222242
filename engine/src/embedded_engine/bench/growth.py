"""Cases at several sizes as tables: each figure, how it grew from size to size, and what it may be at the last."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from embedded_engine.bench.case import Case
from embedded_engine.store import default_root
from embedded_engine.store.files import remove_tree

Measured = dict[int, dict[str, Any]]

_NAME = 40
_COLUMN = 24


def measure_growth(cases: Sequence[Case], sizes: tuple[int, ...] | None, runs: int, save: str | None) -> bool:
    """Measure and print; whether every case could be measured."""
    found: dict[str, Measured] = {}
    for case in cases:
        measured = _measure(case, sizes or case.sizes, runs)
        if not measured:
            return False
        found[case.name] = measured
        print("\n".join(table(case, measured)), flush=True)
    if save is not None:
        Path(save).write_text(json.dumps(found, indent=2))
    return True


def _measure(case: Case, sizes: Sequence[int], runs: int) -> Measured:
    """The figures by size, each from a process of its own."""
    root = default_root()
    root.parent.mkdir(parents=True, exist_ok=True)
    measured: Measured = {}
    for size in sizes:
        place = tempfile.mkdtemp(prefix="ci-engine-bench-", dir=root.parent)
        try:
            command = [sys.executable, "-m", "embedded_engine.bench.probe", case.name, str(size), str(runs), place]
            ended = subprocess.run(command, stdout=subprocess.PIPE, check=False, text=True)
        finally:
            remove_tree(place)
        if ended.returncode:
            print(f"{case.name} at {size:,} {case.unit} failed: see above", file=sys.stderr)
            return {}
        measured[size] = json.loads(ended.stdout)
    return measured


def table(case: Case, measured: Measured) -> list[str]:
    """The lines of one case: milliseconds, processor milliseconds, and peak memory, with growth in brackets."""
    sizes = list(measured)
    full = sizes[-1] == case.sizes[-1]
    heads = "".join(_cell(f"{size:,} {case.unit}", _times(sizes, at)) for at, size in enumerate(sizes))
    lines = ["", f"{case.name}: {case.title}", f"{'':{_NAME}}{heads}  target"]
    for name in measured[sizes[-1]]["figures"]:
        for unit, label in (("ms", name), ("cpu", "    of the processor")):
            values = [measured[size]["figures"].get(name, {}).get(unit, 0.0) for size in sizes]
            target = case.targets.get(name) if unit == "ms" and full else None
            lines.append(_line(label, "ms", values, f"<= {target:,.0f} ms" if target is not None else ""))
    peaks = [measured[size]["peak"] for size in sizes]
    bound = f"<= {peaks[0] + case.memory:,.0f} MiB" if case.memory is not None else ""
    return [*lines, _line("peak memory of the process", "MiB", peaks, bound)]


def _line(label: str, unit: str, values: list[float], target: str) -> str:
    cells = "".join(_cell(f"{value:,.1f} {unit}", _times(values, at)) for at, value in enumerate(values))
    return f"{label:{_NAME}}{cells}  {target}".rstrip()


def _times(values: Sequence[float], at: int) -> str:
    """How often the value before goes into this one."""
    return f"x{values[at] / values[at - 1]:.1f}" if at and values[at - 1] else ""


def _cell(text: str, times: str) -> str:
    return f"{text:>{_COLUMN - 7}} {times:6}"
