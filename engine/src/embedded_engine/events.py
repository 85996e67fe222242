"""What the engine tells about its work while it works. Emitted anywhere, rendered by the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class StepStarted:
    """A unit of real work began: an execution, an image build, a service. `step` is unique in its session."""

    step: str
    label: str
    stage: str | None = None


@dataclass(frozen=True)
class StepOutput:
    """Bytes that a running step wrote, secrets already replaced. `stream` is `stdout` or `stderr`."""

    step: str
    stream: str
    data: bytes


@dataclass(frozen=True)
class StepFinished:
    """The step ended. `seconds` is wall time; `cached` says that its result came from the store.

    `error` is one line when it failed; `reason` says why it ran again rather than hit the cache.
    """

    step: str
    label: str
    seconds: float
    cached: bool = False
    error: str | None = None
    reason: str | None = None
    stage: str | None = None


@dataclass(frozen=True)
class StageStarted:
    """A span that a pipeline function opened (one of its stages) began."""

    stage: str


@dataclass(frozen=True)
class StageFinished:
    """The stage ended after `seconds`; `ran` and `cached` count its steps.

    `error` is one line when it failed, `left_out` when it says that it was not carried out after all.
    """

    stage: str
    seconds: float
    ran: int = 0
    cached: int = 0
    error: str | None = None
    left_out: str | None = None


@dataclass(frozen=True)
class Note:
    """Something a person should know, such as that a Debian recipe stands in for an image."""

    text: str


Event = StepStarted | StepOutput | StepFinished | StageStarted | StageFinished | Note
Emit = Callable[[Event], None]
