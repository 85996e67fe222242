"""Where everything that is told about a run comes together: counted by stage, then shown."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field, replace

from embedded_engine.events import Emit, Event, StageFinished, StageStarted, StepFinished


@dataclass
class _Stage:
    name: str
    started: float = field(default_factory=time.monotonic)


class Hub:
    """Takes events from any thread, counts steps by stage, passes all of them on to `show`, one at a time."""

    def __init__(self, show: Emit) -> None:
        self._show = show
        self._lock = threading.Lock()
        self._spans: dict[str, _Stage] = {}
        self._ran: dict[str, int] = defaultdict(int)
        self._cached: dict[str, int] = defaultdict(int)
        self.stages: list[StageFinished] = []
        self.steps_ran = 0
        self.steps_cached = 0

    def emit(self, event: Event) -> None:
        """Count and show an event."""
        with self._lock:
            if isinstance(event, StepFinished):
                self.steps_cached += event.cached
                self.steps_ran += not event.cached
                if event.stage is not None:
                    counts = self._cached if event.cached else self._ran
                    counts[event.stage] += 1
            elif isinstance(event, StageFinished):
                event = replace(event, ran=self._ran[event.stage], cached=self._cached[event.stage])
                self.stages.append(event)
            self._show(event)

    def start_stage(self, span: str, name: str) -> None:
        """A span began (16 hex digits): requests that carry it belong to the stage of this name."""
        with self._lock:
            self._spans[span] = _Stage(name)
        self.emit(StageStarted(name))

    def finish_stage(self, span: str, error: str | None = None, left_out: str | None = None) -> None:
        """The span ended; `error` is one line when it failed, `left_out` when it was not carried out."""
        stage = self._spans[span]
        self.emit(StageFinished(stage.name, time.monotonic() - stage.started, error=error, left_out=left_out))

    def stage_of(self, span: str) -> str | None:
        """The stage that a span belongs to."""
        stage = self._spans.get(span)
        return stage.name if stage is not None else None
