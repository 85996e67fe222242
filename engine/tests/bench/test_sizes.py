"""The benchmark's cases, small: each runs, measures what it promises, and leaves nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from embedded_engine.bench import meter as meter_module
from embedded_engine.bench.case import CASES, Case
from embedded_engine.bench.growth import table
from embedded_engine.bench.meter import Meter, peak_mib
from embedded_engine.store import default_root


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
async def test_each_case_measures_what_has_a_target(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a size of a few items every case runs to its end, and names every figure that has a target."""
    if case.name == "registry" and shutil.which("docker-registry") is None:
        pytest.skip("docker-registry is not installed (apt-get install docker-registry)")
    monkeypatch.setattr(meter_module, "_SETTLE_SECONDS", 0)
    for schema in default_root().glob("schema-*"):
        # Made once for every store of this machine; it would be most of the work.
        shutil.copytree(schema, tmp_path / "store" / schema.name)
    meter = Meter(tmp_path, runs=1)
    await case.measure(meter, 3)
    assert case.targets.keys() <= meter.figures.keys()
    assert all(figure["ms"] > 0 for figure in meter.figures.values())
    assert peak_mib() > 10


def test_a_table_shows_figures_growth_and_targets() -> None:
    """A figure stands beside how it grew from the size before; its target is shown where it holds, at full size."""
    case = Case("one", "some work", "files", (10, 40), {"imported": 250}, memory=64)
    measured = {
        size: {"figures": {"imported": {"ms": size * 2.0, "cpu": size * 1.0}}, "peak": 90.0 + size} for size in (10, 40)
    }
    assert table(case, measured) == [
        "",
        "one: some work",
        f"{'':40}         10 files                40 files x4.0    target",
        f"{'imported':40}          20.0 ms                 80.0 ms x4.0    <= 250 ms",
        f"{'    of the processor':40}          10.0 ms                 40.0 ms x4.0",
        f"{'peak memory of the process':40}        100.0 MiB               130.0 MiB x1.3    <= 164 MiB",
    ]
    assert "250" not in "".join(table(case, {10: measured[10]}))


def test_the_program_prints_a_table_and_cleans_up(tmp_path: Path) -> None:
    """Called with a case and sizes it prints one table, and where its stores were there is nothing any more."""
    environment = dict(os.environ, CI_ENGINE_STORE=str(tmp_path / "cache" / "store"))
    command = [sys.executable, "-m", "embedded_engine.bench", "--only", "results", "--sizes", "2,4", "--runs", "1"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    head, *lines = ended.stdout.strip().splitlines()
    assert head == "results: a store with many results"
    assert "2 results" in lines[0]
    assert "4 results x2.0" in lines[0]
    assert any(line.startswith("one looked up") for line in lines)
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.parametrize("words", [["--only", "nothing"], ["--sizes", "0"], ["--sizes", "many"]])
def test_what_it_does_not_understand_is_refused(words: list[str]) -> None:
    """An unknown case and a size that is none are one line of usage and no traceback."""
    ended = subprocess.run(
        [sys.executable, "-m", "embedded_engine.bench", *words], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
