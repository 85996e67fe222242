"""What leaves the pipeline, step by step."""

import dagger

from ci.errors import LeftOut, PipelineError
from ci.outcome import Outcome, Status
from ci.steps import AGAIN, Step, take


class World:
    """What was done."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def step(self, name: str, error: Exception | None = None) -> Step:
        """A step that is remembered, or goes wrong."""

        async def do() -> str:
            if error is not None:
                raise error
            self.done.append(name)
            return f"did {name}"

        return Step(name, do)


def statuses(outcomes: tuple[Outcome, ...]) -> list[tuple[str, Status, str]]:
    """What is compared."""
    return [(outcome.stage, outcome.status, outcome.reason) for outcome in outcomes]


async def test_steps_are_taken_in_order() -> None:
    """Each says what came of it, and how long it took."""
    world = World()
    outcomes = await take([world.step("publish"), world.step("deploy")], "")
    assert statuses(outcomes) == [
        ("publish", Status.PASSED, "did publish"),
        ("deploy", Status.PASSED, "did deploy"),
    ]
    assert all(outcome.record is not None and outcome.record.exit_code == 0 for outcome in outcomes)


async def test_the_first_that_fails_ends_it() -> None:
    """What was done before is told, what follows is not done, and the next run finishes."""
    world = World()
    refused = PipelineError("403: the token may not")
    outcomes = await take([world.step("publish"), world.step("release", refused), world.step("back-merge")], "")
    assert statuses(outcomes) == [
        ("publish", Status.PASSED, "did publish"),
        ("release", Status.FAILED, "403: the token may not"),
        ("back-merge", Status.SKIPPED, "release failed"),
    ]
    assert outcomes[1].remedy == AGAIN
    assert world.done == ["publish"]


async def test_a_hindrance_from_the_start_leaves_the_world_alone() -> None:
    """Every step says why."""
    world = World()
    outcomes = await take([world.step("publish"), world.step("deploy")], "unit red")
    assert statuses(outcomes) == [("publish", Status.SKIPPED, "unit red"), ("deploy", Status.SKIPPED, "unit red")]
    assert world.done == []


async def test_what_is_out_of_date_is_left_out_and_the_rest_is_done() -> None:
    """Nothing has failed, so nothing waits for it; why it was left out is told."""
    world = World()
    outcomes = await take([world.step("deploy", LeftOut("staging runs a newer commit")), world.step("release")], "")
    assert statuses(outcomes) == [
        ("deploy", Status.LEFT_OUT, "staging runs a newer commit"),
        ("release", Status.PASSED, "did release"),
    ]
    assert not outcomes[0].is_red


async def test_a_fault_is_an_outcome_too() -> None:
    """It hides nothing of what was done before."""
    world = World()
    for error, reason in [
        (dagger.ClientError("the engine is away"), "the engine is away"),
        (KeyError("digest"), "KeyError: 'digest'"),
    ]:
        outcomes = await take([world.step("publish", error)], "")
        assert statuses(outcomes) == [("publish", Status.ERROR, reason)]
