"""Commit statuses on a small GitHub."""

import pytest

from ci.github import GitHub, GitHubError
from ci.github.statuses import CommitStatus, board, pending, status_of
from ci.outcome import Outcome, Record, Status
from github_rules import LONGEST_DESCRIPTION
from github_rules import commit as hash_of
from github_server import GitHubServer

FIRST = hash_of("first")
PASSED = Outcome("lint", Status.PASSED, Record(0.0, 2.25, 0))
FAILED = Outcome("unit", Status.FAILED, Record(0.0, 9.0, 1), reason="exit code 1")


async def shown(github: GitHub, *statuses: CommitStatus, commit: str = FIRST) -> None:
    """Show statuses on a commit."""
    async with board(github, commit) as there:
        for status in statuses:
            await there.show(status)


@pytest.mark.parametrize(
    ("outcome", "state", "description"),
    [
        (PASSED, "success", "passed in 2.2 s"),
        (Outcome("lint", Status.PASSED), "success", "passed"),
        (Outcome("deploy", Status.PASSED, reason="staging: deployed\nit"), "success", "staging: deployed it"),
        (FAILED, "failure", "exit code 1; ci unit"),
        (Outcome("build", Status.ERROR, reason="no such image"), "error", "no such image; ci build"),
        (Outcome("build", Status.ERROR), "error", "error; ci build"),
        (Outcome("scan", Status.NOT_RUN, reason="no database"), "success", "not run: no database; ci scan"),
        (Outcome("deploy", Status.SKIPPED, reason="unit red"), "error", "skipped: unit red"),
        (Outcome("deploy", Status.LEFT_OUT, reason="a newer one runs"), "success", "left out: a newer one runs"),
    ],
    ids=lambda value: value.status if isinstance(value, Outcome) else "",
)
def test_how_a_stage_is_shown(outcome: Outcome, state: str, description: str) -> None:
    """What is red names the command that runs it again."""
    assert status_of(outcome) == CommitStatus(f"ci/{outcome.stage}", state, description)


def test_every_way_to_end_has_a_state() -> None:
    """A new one cannot be forgotten here."""
    assert {status_of(Outcome("x", status)).state for status in Status} == {"success", "failure", "error"}


@pytest.mark.parametrize("reason", ["x" * 500, "word " * 100, "line\nbreak " * 50])
@pytest.mark.parametrize("remedy", ["ci unit", "c" * 139, "c" * 140, "c" * 500])
def test_a_description_keeps_within_githubs_limit(reason: str, remedy: str) -> None:
    """The reason is shortened first: the remedy is to be copied."""
    described = status_of(Outcome("unit", Status.FAILED, reason=reason, remedy=remedy)).description
    assert len(described) <= LONGEST_DESCRIPTION
    assert described.endswith(remedy[:LONGEST_DESCRIPTION])
    assert described.isprintable()


async def test_each_stage_is_a_status_of_the_commit(server: GitHubServer, github: GitHub) -> None:
    """With the run's page behind it."""
    page = "https://github.example/run/1"
    await shown(github, status_of(PASSED, target_url=page), status_of(FAILED), pending("smoke"))
    assert server.state.statuses == [
        {"sha": FIRST, "context": "ci/lint", "state": "success", "description": "passed in 2.2 s", "target_url": page},
        {
            "sha": FIRST,
            "context": "ci/unit",
            "state": "failure",
            "description": "exit code 1; ci unit",
            "target_url": None,
        },
        {
            "sha": FIRST,
            "context": "ci/smoke",
            "state": "pending",
            "description": "has not ended yet",
            "target_url": None,
        },
    ]


async def test_only_what_differs_is_sent(server: GitHubServer, github: GitHub) -> None:
    """GitHub takes a thousand statuses of one context for a commit, and no more."""
    await shown(github, status_of(PASSED), pending("unit"))
    await shown(github, status_of(PASSED), status_of(FAILED))
    assert [each["context"] for each in server.state.statuses] == ["ci/lint", "ci/unit", "ci/unit"]


async def test_the_newest_status_counts_on_every_page(server: GitHubServer, github: GitHub) -> None:
    """A commit can have more statuses than a page has lines."""
    server.page_size = 2
    many = [pending(f"stage-{number}") for number in range(5)]
    await shown(github, *many)
    await shown(github, *many)
    assert len(server.state.statuses) == 5


@pytest.mark.parametrize("after", [True, False], ids=["made", "not made"])
async def test_an_answer_that_is_lost_adds_no_second_line(after: bool, server: GitHubServer, github: GitHub) -> None:
    """It is looked for first."""
    server.fail("POST", drop=True, after=after)
    await shown(github, status_of(FAILED))
    assert len(server.state.statuses) == 1


async def test_a_commit_that_github_does_not_have_is_said(github: GitHub) -> None:
    """One that was not pushed, for instance."""
    with pytest.raises(GitHubError, match="No commit found for SHA"):
        await shown(github, status_of(FAILED), commit=hash_of("elsewhere"))
