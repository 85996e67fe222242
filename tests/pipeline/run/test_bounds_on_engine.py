"""A stage that hits its bounds, on an engine."""

import dagger
import pytest
from dagger import dag

from ci import images, stage
from ci.outcome import Status
from ci.policy.limits import Limit
from ci.stage import carry_out, recorded, with_wrapper

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("connection")]


async def test_a_stage_out_of_time_could_not_run_and_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says which bound it was and where to change it; its result is not kept."""
    monkeypatch.setattr(stage, "limit_of", lambda _: Limit(seconds=2))
    marks = dag.cache_volume("test-of-bounds")

    def slow() -> dagger.Container:
        return (
            dag.container()
            .from_(images.PYTHON)
            .with_(with_wrapper)
            .with_mounted_cache("/marks", marks)
            .with_(recorded("slow", "echo x >>/marks/runs; wc -l </marks/runs; sleep 30"))
        )

    first, second = [(await carry_out("slow", slow)).outcome for _ in range(2)]
    assert (first.status, first.reason) == (
        Status.ERROR,
        "took longer than 2 s, its bound in ci/src/ci/policy/limits.py",
    )
    runs = [int(outcome.excerpt.splitlines()[1]) for outcome in (first, second)]
    assert runs[1] == runs[0] + 1
