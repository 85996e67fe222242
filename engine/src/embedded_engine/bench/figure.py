"""One figure of the pipeline or the engine, with its budget and what the bare tools take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One line of the table. `unit` is `s`, `ms` or `MiB`; `bare` is the same work without the engine."""

    name: str
    value: float
    unit: str
    budget: str
    bare: float | None = None

    def __str__(self) -> str:
        bare = f"{self.bare:9.2f} {self.unit}" if self.bare is not None else f"{'-':>9}"
        return f"{self.name:52} {self.value:9.2f} {self.unit:4} {bare:14} {self.budget}"
