"""Progress as plain lines, for logs and pipes: a line when something starts, one when it ends."""

from __future__ import annotations

import sys
from typing import TextIO

from embedded_engine.events import Event, Note, StageFinished, StageStarted, StepFinished, StepOutput, StepStarted
from embedded_engine.progress.text import counted, outcome, seconds


class PlainProgress:
    """Writes events to a stream. `verbose` shows every step and its output, not only those that fail or take long."""

    def __init__(self, stream: TextIO, *, verbose: bool = False) -> None:
        self._stream = stream
        self._results = sys.stdout
        self._verbose = verbose
        self._labels: dict[str, str] = {}
        self._partial: dict[tuple[str, str], bytes] = {}

    def show(self, event: Event) -> None:
        """Write what an event says, if it is worth a line."""
        match event:
            case StageStarted(stage):
                self._line(f"{stage}: started")
            case StageFinished():
                self._line(
                    f"{event.stage}: {outcome(event)} in {seconds(event.seconds)}{counted(event.ran, event.cached)}"
                )
            case StepStarted(step, label, stage):
                self._labels[step] = f"{stage}: {label}" if stage else label
                if self._verbose or not stage:
                    self._line(f"{self._labels[step]}: started")
            case StepOutput(step, stream, data) if self._verbose:
                self._output(step, stream, data)
            case StepFinished():
                self._finished(event)
            case Note(text):
                self._line(f"note: {text}")
            case _:
                pass

    def result(self, text: str) -> None:
        """Write a result to standard output."""
        self._results.write(text)
        self._results.flush()

    @property
    def prints(self) -> TextIO:
        """Where a module's own output goes."""
        return self._stream

    def close(self) -> None:
        """Nothing is held."""

    def _finished(self, event: StepFinished) -> None:
        label = self._labels.pop(event.step, f"{event.stage}: {event.label}" if event.stage else event.label)
        for key in [key for key in self._partial if key[0] == event.step]:
            self._line(f"{label} | {self._partial.pop(key).decode(errors='replace')}")
        if event.error is not None:
            self._line(f"{label}: failed in {seconds(event.seconds)}: {event.error}")
        elif event.cached:
            if self._verbose:
                self._line(f"{label}: cached")
        elif self._verbose or not event.stage or event.seconds >= 1:
            self._line(f"{label}: {seconds(event.seconds)}")
        if self._verbose and event.reason and not event.cached:
            self._line(f"{label}: ran because {event.reason}")

    def _output(self, step: str, stream: str, data: bytes) -> None:
        key = (step, stream)
        *lines, self._partial[key] = (self._partial.pop(key, b"") + data).split(b"\n")
        for line in lines:
            self._line(f"{self._labels.get(step, step)} | {line.decode(errors='replace')}")
        if not self._partial[key]:
            del self._partial[key]

    def _line(self, text: str) -> None:
        self._stream.write(f"{text}\n")
        self._stream.flush()
