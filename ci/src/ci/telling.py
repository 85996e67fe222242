"""Word of a run at its commit on GitHub: each stage is pending, then what it came to. Nothing depends on it."""

import math
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream

from ci.leave import Outside
from ci.outcome import Outcome
from ci.policy.facts import Facts
from ci.policy.not_run import holds_back
from ci.policy.plan import Part, Plan

if TYPE_CHECKING:
    from ci.github import GitHub
    from ci.github.statuses import Board, CommitStatus

SECONDS_AT_THE_END: Final = 180.0
"""For all statuses together; GitHub may ask for more patience than a finished run has."""
_SECONDS_TO_CATCH_UP: Final = 5.0

Ended = Callable[[Outcome], None]
"""Is told how a stage ended, when it has."""


@dataclass(frozen=True)
class Told:
    """Whom a run tells of itself."""

    github: "GitHub"
    commit: str
    """The one that shows the statuses."""
    page: str
    """The URL of the run's page, which statuses lead to."""
    not_run_is_red: bool = False
    """Whether a check that was not run holds the run back."""


def told(facts: Facts, plan: Plan, outside: Outside) -> Told | None:
    """Say whom a run tells of itself; nobody where nothing may be written, such as for a fork."""
    if outside.github is None or facts.from_fork:
        return None
    commit = outside.status_commit or facts.commit
    return Told(outside.github, commit, outside.page, holds_back(plan, facts.trigger))


@asynccontextmanager
async def telling(whom: Told | None, planned: Sequence[str]) -> AsyncIterator[Ended]:
    """Show what is planned as pending, and each part as it ends; gives what is to be called then.

    Where GitHub fails it is left alone until the end, when `tell` shows all that is missing.
    """
    if whom is None:
        yield lambda _: None
        return
    from ci.github.statuses import pending

    send, receive = anyio.create_memory_object_stream["CommitStatus"](math.inf)
    for name in planned:
        send.send_nowait(pending(name, whom.page))
    failure: Exception | None = None
    # Both ends stay open, because stages end also when nobody listens any more.
    with send, receive:
        async with anyio.create_task_group() as group:
            caught_up = anyio.Event()
            group.start_soon(_pass_on, whom, receive, caught_up)
            try:
                yield lambda outcome: send.send_nowait(_status(whom, outcome))
            except Exception as error:  # noqa: BLE001 - raised below: out of here it would come as a group of one
                failure = error
            send.close()
            with anyio.move_on_after(_SECONDS_TO_CATCH_UP):
                await caught_up.wait()
            group.cancel_scope.cancel()
    if failure is not None:
        raise failure


async def tell(whom: Told | None, plan: Plan, outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    """Show every outcome, as far as it is not shown; gives a warning where that cannot be done."""
    if whom is None:
        return ()
    from ci.github.statuses import board

    try:
        with anyio.fail_after(SECONDS_AT_THE_END):
            async with board(whom.github, whom.commit) as shown:
                for outcome in outcomes:
                    await shown.show(_status(whom, outcome))
                for status in tuple(_given_up(shown, plan, whom.page)):
                    await shown.show(status)
    except TimeoutError:
        return (f"the statuses are not on GitHub: it took more than {SECONDS_AT_THE_END:g} s",)
    except Exception as error:  # noqa: BLE001 - whatever it is, the reports of what was done must not be lost
        return (f"the statuses are not on GitHub: {error}",)
    return ()


async def _pass_on(whom: Told, statuses: "MemoryObjectReceiveStream[CommitStatus]", caught_up: anyio.Event) -> None:
    """Show statuses as they come, until one fails."""
    from ci.github.retries import Patience
    from ci.github.statuses import board

    hurried = Patience(attempts=2, longest_pause=5, request=10, whole=20)
    # Whatever fails is no matter here: the end tells it, or says why it cannot.
    with suppress(Exception):
        async with board(replace(whom.github, patience=hurried), whom.commit) as shown:
            async for status in statuses:
                await shown.show(status)
    caught_up.set()


def _status(whom: Told, outcome: Outcome) -> "CommitStatus":
    from ci.github.statuses import status_of

    return status_of(outcome, whom.page, not_run_is_red=whom.not_run_is_red)


def _given_up(board: "Board", plan: Plan, page: str) -> Iterator["CommitStatus"]:
    """Settle what an earlier attempt of this very run left pending when it was killed, and this one does not do again."""
    from ci.github.statuses import PENDING, PREFIX

    is_done = plan.image is not None and plan.image.promotes is not None
    state, why = ("success", plan.why(Part.SUITES)) if is_done else ("error", "not a part of this run")
    for status in board.shown:
        is_ours = status.context.startswith(PREFIX) and page and status.target_url == page
        if is_ours and status.state == PENDING:
            yield replace(status, state=state, description=why)
