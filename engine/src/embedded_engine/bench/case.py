"""The cases that are measured at several sizes: what each is about, how large, and what it may take at full size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from embedded_engine.bench.meter import Meter


@dataclass(frozen=True)
class Case:
    """One case. `targets` are milliseconds by figure, and hold for the last of `sizes`.

    `memory` is how many MiB more than at the first size the process may take at the last, where that is bounded.
    """

    name: str
    title: str
    unit: str
    sizes: tuple[int, ...]
    targets: Mapping[str, float] = field(default_factory=dict)
    memory: int | None = None

    async def measure(self, meter: Meter, size: int) -> None:
        """Run it at one size, in this process."""
        module: Any = import_module(f"embedded_engine.bench.sizes.{self.name.replace('-', '_')}")
        await module.measure(meter, size)


CASES = (
    Case(
        "host-tree",
        "a directory of the host, imported",
        "files",
        (1_250, 5_000, 20_000),
        {
            "unchanged, same session": 250,
            "unchanged, new session": 250,
            "one changed, same session": 300,
            "one changed, new session": 300,
        },
    ),
    Case("layers", "a chain of executions, each on the layers of those before", "executions", (50, 100, 200)),
    Case("executions", "executions that do not depend on each other, all at once", "executions", (16, 32, 64)),
    Case("big-file", "a file through import, export, an image's tar file and back", "MiB", (64, 256, 1_024), memory=64),
    Case("registry", "an image pushed to a registry on loopback, and pulled from it", "MiB", (31, 125, 500), memory=64),
    Case("results", "a store with many results", "results", (625, 2_500, 10_000)),
    Case("new-files", "a chain of files written one by one", "files", (100, 300, 1_000)),
    Case("nodes", "a chain of steps, asked for in parts", "nodes", (625, 2_500, 10_000)),
    Case("entries", "a directory listed, searched, copied, compared and exported", "files", (1_250, 5_000, 20_000)),
    Case("text", "one large text as contents, output and argument", "MiB", (6, 25, 100)),
)


def case_named(name: str) -> Case:
    """The case of that name."""
    return next(case for case in CASES if case.name == name)
