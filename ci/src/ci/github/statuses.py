"""Commit statuses: one line per stage on the commit's page and on its pull request, with the command that helps."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from ci.github.client import Api, GitHub
from ci.github.errors import one_line
from ci.outcome import Outcome, Status
from ci.summary import rerun_of, seconds_of

LONGEST_DESCRIPTION: Final = 140
"""Characters that GitHub takes as a status's description."""

PREFIX: Final = "ci/"
PENDING: Final = "pending"

# What was not run is red only where the policy says so; either way the line says that nothing is known.
_STATES: Final = {
    Status.PASSED: "success",
    Status.FAILED: "failure",
    Status.ERROR: "error",
    Status.NOT_RUN: "success",
    Status.SKIPPED: "error",
    Status.LEFT_OUT: "success",
}


@dataclass(frozen=True)
class CommitStatus:
    """What a commit's page says about one stage."""

    context: str
    state: str
    description: str
    target_url: str = ""
    """Where the details are: the page of the run."""


def status_of(outcome: Outcome, target_url: str = "", *, not_run_is_red: bool = False) -> CommitStatus:
    """Say how a stage ended, with the command that helps where one does; a check that was not run may hold a run back.

    >>> status_of(Outcome("unit", Status.FAILED, reason="exit code 1")).description
    'exit code 1; ci unit'
    """
    if outcome.passed:
        passed = "passed" if outcome.record is None else f"passed in {seconds_of(outcome)} s"
        description = _shortened(outcome.reason, LONGEST_DESCRIPTION) or passed
    elif outcome.wants_a_look:
        was = "" if outcome.is_red else f"{outcome.status}: "
        description = _described(f"{was}{outcome.reason or outcome.status}", rerun_of(outcome))
    else:
        description = _shortened(f"{outcome.status}: {outcome.reason}", LONGEST_DESCRIPTION)
    state = "error" if not_run_is_red and outcome.status is Status.NOT_RUN else _STATES[outcome.status]
    return CommitStatus(context_of(outcome.stage), state, description, target_url)


def pending(stage: str, target_url: str = "") -> CommitStatus:
    """Say that a stage has not ended yet."""
    return CommitStatus(context_of(stage), PENDING, "has not ended yet", target_url)


def context_of(stage: str) -> str:
    """Name what a stage is on a commit's page, and in the rules of a protected branch."""
    return f"{PREFIX}{stage}"


class Board:
    """The statuses of one commit. What it shows already is not sent again: GitHub takes 1,000 of a context."""

    def __init__(self, api: Api, commit: str, shown: dict[str, CommitStatus]) -> None:
        self._api = api
        self._commit = commit
        self._shown = shown

    @property
    def shown(self) -> tuple[CommitStatus, ...]:
        """What the commit's page says now, one for each context."""
        return tuple(self._shown.values())

    async def show(self, status: CommitStatus) -> None:
        """Set a status in the place of the one that its context has."""
        if self._shown.get(status.context) != status:
            await _send(self._api, self._commit, status)
            self._shown[status.context] = status


@asynccontextmanager
async def board(github: GitHub, commit: str) -> AsyncIterator[Board]:
    """Read the statuses of a commit, to set some while the block lasts."""
    async with github.open() as api:
        yield Board(api, commit, {status.context: status async for status in _present(api, commit)})


async def _present(api: Api, commit: str) -> Any:
    async for each in api.pages(f"commits/{commit}/status", key="statuses"):
        texts = (str(each[name] or "") for name in ("context", "state", "description", "target_url"))
        yield CommitStatus(*texts)


async def _send(api: Api, commit: str, status: CommitStatus) -> None:
    body = {"context": status.context, "state": status.state, "description": status.description}
    if status.target_url:
        body["target_url"] = status.target_url

    async def made() -> dict[str, Any] | None:
        return {} if status in [each async for each in _present(api, commit)] else None

    await api.create(f"statuses/{commit}", body, made)


def _described(reason: str, remedy: str) -> str:
    """Join reason and remedy; where both are too long the reason is shortened, since the remedy is to be copied."""
    remedy = one_line(remedy)[:LONGEST_DESCRIPTION]
    reason = _shortened(reason, LONGEST_DESCRIPTION - len(remedy) - len("; "))
    return f"{reason}; {remedy}" if reason else remedy


def _shortened(text: str, length: int) -> str:
    text = one_line(text)
    if len(text) <= length:
        return text
    return f"{text[: length - 1]}…" if length > 1 else ""
