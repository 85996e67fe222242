"""Word of a run on a small GitHub, while the run goes on; whatever GitHub does, the run is not its victim."""

import time
from dataclasses import replace
from typing import Any

import anyio
import pytest

from ci import telling as part
from ci.github import GitHub
from ci.leave import Outside
from ci.outcome import Outcome, Record, Status
from ci.policy.facts import parse_facts
from ci.policy.plan import Image, Plan
from ci.telling import Told, tell, telling, told
from github_rules import MOST_STATUSES
from github_rules import commit as hash_of
from github_server import GitHubServer

FIRST = hash_of("first")
PAGE = "https://github.example/runs/1"
LINT = Outcome("lint", Status.PASSED, Record(0.0, 1.0, 0))
UNIT = Outcome("unit", Status.FAILED, Record(0.0, 1.0, 1), reason="exit code 1")
PLAN = Plan("push to main")
PROMOTION = replace(PLAN, image=Image((), promotes=f"sha256:{'a' * 64}"))


@pytest.fixture
def whom(github: GitHub) -> Told:
    """The commit that runs are about."""
    return Told(github, FIRST, PAGE)


def states(server: GitHubServer) -> list[tuple[str, str]]:
    """What the commit's page was told, in order."""
    return [(each["context"], each["state"]) for each in server.state.statuses]


async def until(server: GitHubServer, count: int) -> None:
    """Wait until the page was told so much."""
    with anyio.fail_after(10):
        while len(server.state.statuses) < count:  # noqa: ASYNC110 - the server's thread has no event to wait for
            await anyio.sleep(0.01)


async def test_what_is_planned_is_pending_until_it_has_ended(server: GitHubServer, whom: Told) -> None:
    """Each stage is shown when it ends, not when all have; the end has nothing to add."""
    async with telling(whom, ["lint", "unit"]) as ended:
        await until(server, 2)
        ended(UNIT)
        await until(server, 3)
        ended(LINT)
    expected = [("ci/lint", "pending"), ("ci/unit", "pending"), ("ci/unit", "failure"), ("ci/lint", "success")]
    assert states(server) == expected
    assert await tell(whom, PLAN, [LINT, UNIT]) == ()
    assert states(server) == expected
    assert {each["target_url"] for each in server.state.statuses} == {PAGE}


async def test_what_github_missed_while_it_failed_is_told_at_the_end(server: GitHubServer, whom: Told) -> None:
    """It is left alone after the first refusal, and asked once more when all is done."""
    server.fail("POST .*/statuses", status=403)
    async with telling(whom, ["lint", "unit"]) as ended:
        ended(LINT)
        await anyio.sleep(0.3)
        assert server.writes == [f"POST statuses/{FIRST}"]
        ended(UNIT)
    assert states(server) == []
    assert await tell(whom, PLAN, [LINT, UNIT]) == ()
    assert states(server) == [("ci/lint", "success"), ("ci/unit", "failure")]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"status": 403}, "403"),
        ({"status": 401}, "401"),
        ({"status": 404}, "404"),
        ({"drop": True}, "could not be asked"),
        ({"body": b"<html>", "status": 200}, "no JSON"),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else "",
)
async def test_a_github_that_refuses_is_a_warning(
    fault: dict[str, object], said: str, server: GitHubServer, whom: Told
) -> None:
    """The run goes on, and its report says what is not on GitHub."""
    server.fail("/status", times=1000, **fault)
    async with telling(whom, ["lint"]) as ended:
        ended(LINT)
    (warning,) = await tell(whom, PLAN, [LINT])
    assert warning.startswith("the statuses are not on GitHub: ")
    assert said in warning
    assert "\n" not in warning


async def test_a_commit_that_takes_no_more_statuses_costs_a_warning(server: GitHubServer, whom: Told) -> None:
    """GitHub takes a thousand of a context."""
    old = {"sha": FIRST, "context": "ci/lint", "state": "pending", "description": "", "target_url": None}
    server.state.statuses += [old] * MOST_STATUSES
    (warning,) = await tell(whom, PLAN, [LINT])
    assert "has reached the maximum number of statuses" in warning
    assert len(server.state.statuses) == MOST_STATUSES


async def test_a_github_that_hangs_holds_nobody_for_long(
    server: GitHubServer, whom: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the stages nor the report wait for it."""
    monkeypatch.setattr(part, "SECONDS_AT_THE_END", 0.2)
    monkeypatch.setattr(part, "_SECONDS_TO_CATCH_UP", 0.2)
    server.fail("GET", times=2, seconds=2.0, status=502)
    started = time.monotonic()
    async with telling(whom, ["lint"]) as ended:
        ended(LINT)
    warning = await tell(whom, PLAN, [LINT])
    assert warning == ("the statuses are not on GitHub: it took more than 0.2 s",)
    assert time.monotonic() - started < 1.5


async def test_a_fault_of_the_run_comes_out_as_it_is(server: GitHubServer, whom: Told) -> None:
    """It is not wrapped, and nothing is left running."""
    with pytest.raises(KeyError, match="digest"):
        async with telling(whom, ["lint"]):
            raise KeyError("digest")


async def test_a_killed_attempt_is_set_right_by_the_next(server: GitHubServer, whom: Told, github: GitHub) -> None:
    """What it left pending is done by now, and not planned any more; another run's pending stages are its own."""
    async with telling(whom, ["lint", "unit", "publish"]):
        await until(server, 3)
    async with telling(replace(whom, page="https://github.example/runs/2"), ["smoke"]):
        await until(server, 4)
    async with telling(whom, ["publish"]) as ended:
        ended(Outcome("publish", Status.PASSED, reason="1.4.2"))
    assert await tell(whom, PROMOTION, [Outcome("publish", Status.PASSED, reason="1.4.2")]) == ()
    newest = dict(states(server))
    assert newest == {"ci/lint": "success", "ci/unit": "success", "ci/publish": "success", "ci/smoke": "pending"}


async def test_what_is_no_part_of_the_run_any_more_does_not_stay_pending(server: GitHubServer, whom: Told) -> None:
    """Nobody will ever say how it went."""
    async with telling(whom, ["release"]):
        await until(server, 1)
    assert await tell(whom, PLAN, []) == ()
    assert states(server) == [("ci/release", "pending"), ("ci/release", "error")]


def test_a_fork_tells_nobody(github: GitHub) -> None:
    """Even where it has a token; nor does a run without one. A pull request shows its head."""
    facts: dict[str, Any] = {
        "event": "push",
        "ref": "refs/heads/main",
        "commit": "a" * 40,
        "published": {},
        "repository": "acme/items",
    }
    own = parse_facts(**facts)
    fork = parse_facts(**facts, head_repository="stranger/items")
    outside = Outside(github=github, page=PAGE)
    assert told(fork, PLAN, outside) is None
    assert told(own, PLAN, Outside()) is None
    assert told(own, PLAN, outside) == Told(github, "a" * 40, PAGE)
    assert told(own, PLAN, replace(outside, status_commit="b" * 40)) == Told(github, "b" * 40, PAGE)
    assert told(own, PROMOTION, outside) == Told(github, "a" * 40, PAGE, not_run_is_red=True)


@pytest.mark.parametrize(("is_red", "state"), [(False, "success"), (True, "error")])
async def test_a_check_that_was_not_run_is_red_where_it_holds_the_run_back(
    is_red: bool, state: str, server: GitHubServer, whom: Told
) -> None:
    """A commit with nothing but green on it, and a red run, would be a riddle."""
    scan = Outcome("scan", Status.NOT_RUN, reason="no database")
    assert await tell(replace(whom, not_run_is_red=is_red), PLAN, [scan]) == ()
    assert [(each["state"], each["description"]) for each in server.state.statuses] == [
        (state, "not run: no database; ci scan")
    ]


async def test_a_run_that_tells_nobody_asks_nobody(server: GitHubServer) -> None:
    """Neither at the start nor at the end."""
    async with telling(None, ["lint"]) as ended:
        ended(LINT)
    assert await tell(None, PLAN, [LINT]) == ()
    assert server.requests == []
