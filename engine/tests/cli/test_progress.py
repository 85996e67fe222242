"""What a person sees of a run."""

import asyncio
import io
from collections.abc import Iterator
from contextlib import suppress

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from embedded_engine.events import (
    Event,
    Note,
    StageFinished,
    StageStarted,
    StepFinished,
    StepOutput,
    StepStarted,
)
from embedded_engine.progress import Hub, open_progress
from embedded_engine.progress.live import LiveProgress
from embedded_engine.progress.spans import StageSpans
from embedded_engine.progress.text import summary

RUN: tuple[Event, ...] = (
    Note("a recipe stands in"),
    StageStarted("lint"),
    StepStarted("1", "ruff check", "lint"),
    StepOutput("1", "stdout", b"one\ntw"),
    StepOutput("1", "stdout", b"o\nthree"),
    StepFinished("1", "ruff check", 0.2, stage="lint", reason="src/app changed"),
    StepFinished("2", "uv sync", 0.0, cached=True, stage="lint"),
    StepStarted("3", "pytest", "lint"),
    StepFinished("3", "pytest", 3.0, stage="lint"),
    StepStarted("4", "mypy", "lint"),
    StepFinished("4", "mypy", 0.1, stage="lint", error="exit code 1"),
    StageFinished("lint", 3.4, error="exit code 1"),
)


def shown(*events: Event, kind: str = "plain", verbose: bool = False) -> list[str]:
    """The lines that a run leaves."""
    stream = io.StringIO()
    progress = open_progress(stream, kind, verbose=verbose)
    hub = Hub(progress.show)
    for event in events:
        hub.emit(event)
    progress.close()
    return stream.getvalue().splitlines()


def test_plain_lines_tell_what_matters() -> None:
    """Stages start and end with times and counts; steps are shown when they fail or take a second."""
    assert shown(*RUN) == [
        "note: a recipe stands in",
        "lint: started",
        "lint: pytest: 3.0 s",
        "lint: mypy: failed in 0.10 s: exit code 1",
        "lint: failed: exit code 1; in 3.4 s (3 steps ran, 1 cached)",
    ]


def test_verbose_lines_tell_everything() -> None:
    """Every step is shown, with its output by whole lines and why it ran again."""
    assert shown(*RUN[:7], verbose=True) == [
        "note: a recipe stands in",
        "lint: started",
        "lint: ruff check: started",
        "lint: ruff check | one",
        "lint: ruff check | two",
        "lint: ruff check | three",
        "lint: ruff check: 0.20 s",
        "lint: ruff check: ran because src/app changed",
        "lint: uv sync: cached",
    ]


def test_silence_leaves_notes_only() -> None:
    """Who asks for no progress still learns that a recipe stands in for an image."""
    assert shown(*RUN, kind="none") == ["note: a recipe stands in"]


def test_steps_of_no_stage_are_lines_of_their_own() -> None:
    """A step that no stage asked for is shown when it starts and when it ends."""
    events = (StepStarted("1", "image python", None), StepFinished("1", "image python", 0.3))
    assert shown(*events) == ["image python: started", "image python: 0.30 s"]


def test_live_region_prints_what_has_ended() -> None:
    """On a terminal stages that ended scroll by with a mark, their time and their error."""
    stream = io.StringIO()
    progress = LiveProgress(stream)
    for event in (*RUN, StageStarted("unit"), StageFinished("unit", 1.0, ran=1)):
        progress.show(event)
    progress.close()
    text = stream.getvalue()
    assert "✘ lint  3.4 s  exit code 1" in text
    assert "✔ unit  1.0 s (1 step ran)" in text
    assert "note: a recipe stands in" in text


def test_summary_has_a_line_per_stage_and_one_for_all() -> None:
    """The end of a run says which stages failed, how long each took, and what was cached."""
    stages = [StageFinished("lint", 0.2, cached=2), StageFinished("types", 61.0, ran=1, error="exit code 1")]
    assert summary(stages, 61.5, 1, 2) == [
        "  ✔ lint       0.20 s (cached)",
        "  ✘ types   1 min 1 s (1 step ran)",
        "1 of 2 stages failed in 1 min 1 s (1 step ran, 2 cached)",
    ]
    assert summary([], 1, 0, 0) == []


def test_what_was_left_out_has_neither_passed_nor_failed() -> None:
    """A check that nobody answered is counted by itself, with its reason where it ended."""
    left_out = StageFinished("audit", 0.2, ran=1, left_out="nobody answered")
    passed, failed = StageFinished("lint", 0.1), StageFinished("unit", 0.1, error="exit code 1")
    assert summary([passed, left_out], 0.3, 1, 0)[-2:] == [
        "  ∅ audit      0.20 s (1 step ran)",
        "1 of 2 stages passed, 1 not run in 0.30 s (1 step ran)",
    ]
    assert summary([failed, left_out], 0.3, 0, 0)[-1] == "1 of 2 stages failed, 1 not run in 0.30 s"
    assert shown(left_out) == ["audit: not run: nobody answered; in 0.20 s"]
    assert "∅ audit  0.20 s  nobody answered" in "\n".join(shown(left_out, kind="tty"))


@pytest.fixture
def spans() -> Iterator[tuple[trace.Tracer, list[Event], Hub]]:
    """A tracer whose spans reach a hub, and the events that come of them."""
    events: list[Event] = []
    hub = Hub(events.append)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(StageSpans(hub))
    yield provider.get_tracer("test"), events, hub
    provider.shutdown()


def test_span_is_a_stage(spans: tuple[trace.Tracer, list[Event], Hub]) -> None:
    """A span starts and ends a stage, counts the steps of its requests, and fails by an exception."""
    tracer, events, hub = spans

    def stage() -> None:
        with tracer.start_as_current_span("lint") as span:
            assert hub.stage_of(trace.format_span_id(span.get_span_context().span_id)) == "lint"
            hub.emit(StepFinished("1", "ruff", 0.1, stage="lint"))
            raise RuntimeError("lint failed: exit code 1\nmore of it")

    with pytest.raises(RuntimeError):
        stage()
    assert events[0] == StageStarted("lint")
    finished = events[-1]
    assert isinstance(finished, StageFinished)
    assert (finished.stage, finished.ran, finished.cached, finished.error) == ("lint", 1, 0, "exit code 1")


def test_span_that_says_that_it_was_canceled_is_left_out(spans: tuple[trace.Tracer, list[Event], Hub]) -> None:
    """It did not fail, and says why it was not carried out; a span that failed all the same has failed."""
    tracer, _, hub = spans
    canceled = {"dagger.io/dag.canceled": True}
    with tracer.start_as_current_span("audit", attributes=canceled | {"reason": "nobody\nanswered"}):
        pass
    with tracer.start_as_current_span("scan", attributes=canceled):
        pass
    with suppress(RuntimeError), tracer.start_as_current_span("unit", attributes=canceled):
        raise RuntimeError("exit code 1")
    assert [(each.stage, each.error, each.left_out) for each in hub.stages] == [
        ("audit", None, "nobody answered"),
        ("scan", None, "canceled"),
        ("unit", "exit code 1", None),
    ]


def test_span_of_the_sdk_itself_is_no_stage(spans: tuple[trace.Tracer, list[Event], Hub]) -> None:
    """What is marked as internal is not shown, and belongs to no stage."""
    tracer, events, hub = spans
    with tracer.start_as_current_span("recording", attributes={"dagger.io/ui.internal": True}) as span:
        assert hub.stage_of(trace.format_span_id(span.get_span_context().span_id)) is None
    assert events == []


def test_unknown_span_is_no_stage() -> None:
    """A request without a span, or with a foreign one, belongs to no stage."""
    assert Hub(lambda _event: None).stage_of("") is None


async def test_a_stage_that_is_cut_short_has_not_passed(spans: tuple[trace.Tracer, list[Event], Hub]) -> None:
    """Cancelling its task ends the span without an error of its own; the stage says that it was interrupted."""
    tracer, _, hub = spans

    async def stage() -> None:
        with tracer.start_as_current_span("lint"):
            await asyncio.sleep(60)

    task = asyncio.create_task(stage())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [(each.stage, each.error) for each in hub.stages] == [("lint", "interrupted")]
