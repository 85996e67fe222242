"""Progress on a terminal: finished stages scroll by, what runs now stays at the bottom with its time."""

from __future__ import annotations

import io
import sys
import threading
import time
from collections.abc import Callable
from typing import TextIO, cast

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from embedded_engine.events import Event, Note, StageFinished, StageStarted, StepFinished, StepOutput, StepStarted
from embedded_engine.progress.text import counted, mark, seconds

_LABEL_WIDTH = 100


class LiveProgress:
    """A live region on a terminal. It appears with the first thing that runs."""

    def __init__(self, stream: TextIO, *, verbose: bool = False) -> None:
        self._console = Console(file=stream, highlight=False)
        self._verbose = verbose
        self._results = sys.stdout
        self._stages: dict[str, float] = {}
        self._steps: dict[str, tuple[str, str | None, float]] = {}
        self._live: Live | None = None
        self._spinner = Spinner("dots")
        self._lock = threading.Lock()

    def show(self, event: Event) -> None:
        """Change the region, or print a line above it."""
        match event:
            case StageStarted(stage):
                with self._lock:
                    self._stages[stage] = time.monotonic()
                self._start()
            case StageFinished():
                with self._lock:
                    self._stages.pop(event.stage, None)
                self._print(_stage_line(event))
            case StepStarted(step, label, stage):
                with self._lock:
                    self._steps[step] = (label, stage, time.monotonic())
                self._start()
            case StepOutput(_, _, data) if self._verbose:
                self._print(Text(data.decode(errors="replace").rstrip("\n"), style="dim"))
            case StepFinished():
                with self._lock:
                    self._steps.pop(event.step, None)
                self._step_line(event)
            case Note(text):
                self._print(Text(f"note: {text}", style="yellow"))
            case _:
                pass

    def result(self, text: str) -> None:
        """Write a result to standard output; on the same terminal it goes above the region."""
        if self._results.isatty() and self._live is not None:
            self._console.print(Text(text.rstrip("\n")))
        else:
            self._results.write(text)
            self._results.flush()

    @property
    def prints(self) -> TextIO:
        """A module's own output goes above the region, line by line."""
        return cast(TextIO, _LinesAbove(self._print))

    def close(self) -> None:
        """Take the region away."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _start(self) -> None:
        if self._live is None:
            self._live = Live(
                console=self._console,
                get_renderable=self._render,
                refresh_per_second=8,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()

    def _print(self, line: RenderableType) -> None:
        self._console.print(line)

    def _step_line(self, event: StepFinished) -> None:
        label = Text(event.label[:_LABEL_WIDTH])
        if event.error is not None:
            self._print(Text.assemble(("✘ ", "red"), label, (f"  {seconds(event.seconds)}  {event.error}", "red")))
        elif not event.cached and (self._verbose or event.stage is None or event.seconds >= 5):
            self._print(Text.assemble(("· ", "dim"), label, (f"  {seconds(event.seconds)}", "dim")))
        elif self._verbose:
            self._print(Text.assemble(("· ", "dim"), label, ("  cached", "dim")))

    def _render(self) -> RenderableType:
        """What runs now: each stage with its steps below it, then the steps of none."""
        now = time.monotonic()
        with self._lock:
            stages, steps = dict(self._stages), list(self._steps.values())
        table = Table.grid(padding=(0, 1))
        for stage, started in stages.items():
            table.add_row(self._spinner, Text(stage, style="bold"), Text(seconds(now - started), style="cyan"))
            for label, _, began in (step for step in steps if step[1] == stage):
                table.add_row("", Text(f"  {label[:_LABEL_WIDTH]}", style="dim", no_wrap=True), _age(now - began))
        for label, stage_of_step, began in steps:
            if stage_of_step not in stages:
                table.add_row(self._spinner, Text(label[:_LABEL_WIDTH], no_wrap=True), _age(now - began))
        return Group(table)


class _LinesAbove(io.TextIOBase):
    """A stream whose whole lines are printed above the region."""

    def __init__(self, show: Callable[[RenderableType], None]) -> None:
        self._show = show
        self._rest = ""

    def write(self, text: str) -> int:
        """Show the lines that are whole now."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._show(Text(line))
        return len(text)


def _stage_line(event: StageFinished) -> Text:
    style = "red" if event.error is not None else "dim" if event.left_out is not None else "green"
    line = Text.assemble((f"{mark(event)} ", style), (event.stage, "bold"), f"  {seconds(event.seconds)}")
    line.append(counted(event.ran, event.cached), style="dim")
    if why := event.error or event.left_out:
        line.append(f"  {why}", style=style)
    return line


def _age(value: float) -> Text:
    return Text(seconds(value), style="dim cyan")
