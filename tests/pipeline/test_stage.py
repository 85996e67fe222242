"""Stages and suites as far as they need no engine: what happens when nothing can be carried out."""

from pathlib import Path

import anyio
import anyio.lowlevel
import dagger
import pytest
from dagger import telemetry
from opentelemetry.sdk.trace import TracerProvider

from ci import suite
from ci.errors import NotRun, StageFailed, SuiteFailed
from ci.outcome import Outcome, Record, Status
from ci.policy.suites import Suite, stages_of
from ci.stage import carry_out, stage
from embedded_engine.progress import Hub
from embedded_engine.progress.spans import StageSpans


class NoEngine:
    """A module whose stages cannot be carried out; it remembers which were asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def lint(self) -> dagger.Container:
        self.asked.append("lint")
        raise dagger.ClientError("the engine is away")

    async def unit(self) -> dagger.Container:
        await anyio.lowlevel.checkpoint()
        self.asked.append("unit")
        raise KeyError("version")


# The other stages of the suite are as far away.
for _stage in stages_of(Suite.QUICK):
    if not hasattr(NoEngine, _stage):
        setattr(NoEngine, _stage, NoEngine.lint)


async def test_what_the_engine_says_is_the_reason() -> None:
    """A stage that could not be carried out is no failed test."""
    result = await carry_out("lint", NoEngine().lint)
    assert result.outcome == Outcome("lint", Status.ERROR, reason="the engine is away")
    assert result.container is None


async def test_a_fault_in_a_stage_is_a_result_too() -> None:
    """The reason has the kind of the fault, since its message alone says little."""
    result = await carry_out("unit", NoEngine().unit)
    assert result.outcome == Outcome("unit", Status.ERROR, reason="KeyError: 'version'")


async def test_every_stage_of_a_suite_runs_whatever_becomes_of_the_others() -> None:
    """All stages fail, all are asked for, in the order of the suite they are reported."""
    module = NoEngine()
    results = await suite.run(module, stages_of(Suite.QUICK))
    assert len(module.asked) == len(stages_of(Suite.QUICK))
    assert [result.outcome.stage for result in results] == list(stages_of(Suite.QUICK))
    assert {result.outcome.status for result in results} == {Status.ERROR}


async def test_a_red_suite_raises_its_summary() -> None:
    """The message is all that either engine prints."""
    with pytest.raises(SuiteFailed, match=r"quick: 0 of \d+ stages passed.*\n[\s\S]*rerun: ci unit") as failure:
        await suite.check(NoEngine(), Suite.QUICK, dagger.dag.directory())
    assert "reports: ci report --suite=quick" in str(failure.value)


async def test_a_red_stage_raises_its_description() -> None:
    """A stage that runs alone says the same as in a suite."""

    class Module:
        @stage
        def lint(self) -> dagger.Container:
            """Documented."""
            raise dagger.ClientError("the engine is away")

    with pytest.raises(StageFailed, match="lint could not run: the engine is away\nrerun: ci lint"):
        await Module().lint()
    assert Module.lint.__doc__ == "Documented."


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("1", id="only the exit code, the wrapper was killed"),
        pytest.param("{}", id="no fields"),
        pytest.param('{"started": null, "ended": 1, "exit_code": 0}', id="no time"),
    ],
)
def test_a_broken_record_is_refused(text: str) -> None:
    """A record that was not written to its end is none."""
    with pytest.raises(ValueError, match=r"."):
        Record.parse(text)


def test_the_modules_folder_is_the_package(tmp_path: Path) -> None:
    """Tests see the module that dagger.json names."""
    assert Path(suite.__file__).parent == Path(__file__).parents[2] / "ci/src/ci"


async def test_marks_that_an_engine_keeps_for_itself_are_not_shown() -> None:
    """A trace's number says nothing to the person who reads why a stage could not run."""

    def build() -> dagger.Container:
        raise dagger.ClientError("no such image [traceparent:dd37c5b137064061176c1584cd1b0c0f-3e3b22b4e4481278]")

    assert (await carry_out("lint", build)).outcome.reason == "no such image"


async def test_a_check_that_was_not_run_is_shown_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither as passed nor as failed, by the engine that shows its span."""
    hub, provider = Hub(lambda _event: None), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(StageSpans(hub))
    monkeypatch.setattr(telemetry, "get_tracer", lambda: provider.get_tracer("tests"))

    async def unanswered() -> dagger.Container:
        raise NotRun("nobody answered")

    def failing() -> dagger.Container:
        raise StageFailed(Outcome("unit", Status.FAILED, reason="exit code 1"))

    assert (await carry_out("audit", unanswered)).outcome.status is Status.NOT_RUN
    assert (await carry_out("unit", failing)).outcome.status is Status.FAILED
    assert [(one.stage, one.error, one.left_out) for one in hub.stages] == [
        ("audit", None, "nobody answered"),
        ("unit", "exit code 1", None),
    ]
