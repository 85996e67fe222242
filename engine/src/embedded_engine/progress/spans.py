"""Stages of a pipeline announce themselves as OpenTelemetry spans; here they become stages of the display."""

from __future__ import annotations

import asyncio
import sys
from typing import Protocol

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.trace import StatusCode

_INTERNAL = "dagger.io/ui.internal"
_CANCELED = "dagger.io/dag.canceled"
"""What a span says of itself that was not carried out and has not failed; Dagger shows it in grey. `reason` is why."""


class Stages(Protocol):
    """Is told of stages: the hub, or in a module's own process what passes it on to the hub."""

    def start_stage(self, span: str, name: str) -> None:
        """A span began (16 hex digits)."""

    def finish_stage(self, span: str, error: str | None = None, left_out: str | None = None) -> None:
        """It ended."""


class StageSpans(SpanProcessor):
    """Tells the hub of every span that is meant to be seen."""

    def __init__(self, hub: Stages) -> None:
        self._hub = hub

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002 - the interface's
        """A stage begins."""
        if not (span.attributes or {}).get(_INTERNAL):
            self._hub.start_stage(_digits(span), span.name)

    def on_end(self, span: ReadableSpan) -> None:
        """A stage ends, with an error if it left by an exception."""
        attributes = span.attributes or {}
        if attributes.get(_INTERNAL):
            return
        error, left_out = None, None
        if span.status.status_code is StatusCode.ERROR:
            lines = (span.status.description or "failed").strip().splitlines()
            error = _without_type(lines[0]).removeprefix(f"{span.name} failed: ") if lines else "failed"
        elif isinstance(sys.exc_info()[1], asyncio.CancelledError | KeyboardInterrupt):
            # A span does not take these for errors; a stage that they cut short has not passed.
            error = "interrupted"
        elif attributes.get(_CANCELED):
            left_out = " ".join(str(attributes.get("reason", "")).split()) or "canceled"
        self._hub.finish_stage(_digits(span), error, left_out)

    def shutdown(self) -> None:
        """Nothing is held."""

    def force_flush(self, timeout_millis: int = 30000) -> bool:  # noqa: ARG002 - the interface's
        """Nothing is held back."""
        return True


def install(hub: Stages) -> None:
    """Let the spans of this process reach the hub, and the SDK send each request's span along."""
    provider = TracerProvider(resource=Resource.get_empty(), shutdown_on_exit=False)
    provider.add_span_processor(StageSpans(hub))
    trace.set_tracer_provider(provider)


def _digits(span: ReadableSpan) -> str:
    context = span.get_span_context()
    return trace.format_span_id(context.span_id) if context is not None else ""


def _without_type(line: str) -> str:
    """A status that an exception left reads `Type: message`; the message is what a person needs."""
    name, separator, message = line.partition(": ")
    return message if separator and name.isidentifier() and message else line
