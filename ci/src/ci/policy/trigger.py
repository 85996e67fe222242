"""What started a run: the event's name as GitHub has it, and what it means together with its ref."""

from enum import StrEnum
from typing import Final

from ci.policy.errors import PolicyError
from ci.policy.refs import Branch, Ref, Tag


class Event(StrEnum):
    """GitHub's events that the pipeline answers. Every other one is refused, above all `pull_request_target`."""

    PULL_REQUEST = "pull_request"
    MERGE_GROUP = "merge_group"
    PUSH = "push"
    SCHEDULE = "schedule"
    WORKFLOW_DISPATCH = "workflow_dispatch"


class Trigger(StrEnum):
    """What an event means to the pipeline."""

    PULL_REQUEST = "pull_request"
    MERGE_QUEUE = "merge_queue"
    BRANCH = "branch"
    """A branch was pushed."""
    TAG = "tag"
    """A tag was pushed: the only event that publishes a version."""
    NIGHTLY = "nightly"
    MANUAL = "manual"


_TRIGGERS: Final[dict[tuple[Event, type[Ref]], Trigger]] = {
    (Event.PULL_REQUEST, Branch): Trigger.PULL_REQUEST,
    (Event.MERGE_GROUP, Branch): Trigger.MERGE_QUEUE,
    (Event.PUSH, Branch): Trigger.BRANCH,
    (Event.PUSH, Tag): Trigger.TAG,
    (Event.SCHEDULE, Branch): Trigger.NIGHTLY,
    (Event.WORKFLOW_DISPATCH, Branch): Trigger.MANUAL,
    (Event.WORKFLOW_DISPATCH, Tag): Trigger.MANUAL,
}

PROPOSALS: Final = frozenset({Trigger.PULL_REQUEST, Trigger.MERGE_QUEUE})
"""Triggers that ask to change another branch, their base: the rules look at that branch."""


def parse_event(text: str) -> Event:
    """Read an event's name; PolicyError names the known ones."""
    try:
        return Event(text)
    except ValueError:
        raise PolicyError("event", text, ", ".join(Event)) from None


def trigger_of(event: Event, ref: Ref) -> Trigger:
    """Say what an event means; PolicyError where it cannot have such a ref.

    >>> trigger_of(Event.PUSH, Tag("v1.4.2"))
    <Trigger.TAG: 'tag'>
    """
    try:
        return _TRIGGERS[event, type(ref)]
    except KeyError:
        raise PolicyError(f"{event} of a {type(ref).__name__.lower()}", ref.name, "a branch") from None
