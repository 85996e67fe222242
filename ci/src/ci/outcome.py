"""How a stage ended, as plain data: everything that is rendered is rendered from this."""

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final, Self


class Status(StrEnum):
    """How a stage ended."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    """It could not be carried out: an image, a service or the base was not to be had. Only this is tried again."""
    NOT_RUN = "not run"
    """Somebody else's service did not answer, so nothing is known. Not red: policy decides what follows."""
    SKIPPED = "skipped"
    """It was not its turn: something before it is red."""
    LEFT_OUT = "left out"
    """It is out of date: the world has what it would bring, or something newer. Not red."""


_VERBS: Final = {
    Status.PASSED: "passed",
    Status.FAILED: "failed",
    Status.ERROR: "could not run",
    Status.NOT_RUN: "was not run",
    Status.SKIPPED: "was skipped",
    Status.LEFT_OUT: "was left out",
}


@dataclass(frozen=True)
class Record:
    """What the wrapper wrote about one run of a stage's commands; times in seconds since the epoch."""

    started: float
    ended: float
    exit_code: int

    @property
    def seconds(self) -> float:
        """How long the commands took, whenever they ran."""
        return max(0.0, self.ended - self.started)

    def as_json(self, stage: str) -> str:
        """Write it as the wrapper does."""
        return json.dumps({"stage": stage} | asdict(self)) + "\n"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the wrapper's JSON; raises ValueError when it is something else.

        >>> Record.parse('{"stage": "lint", "started": 10.5, "ended": 12.0, "exit_code": 0}').seconds
        1.5
        """
        fields: dict[str, Any] = json.loads(text)
        try:
            return cls(float(fields["started"]), float(fields["ended"]), int(fields["exit_code"]))
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a record of a stage: {text!r}") from error


@dataclass(frozen=True)
class Outcome:
    """A stage's verdict; no record when its commands never ran."""

    stage: str
    status: Status
    record: Record | None = None
    reason: str = ""
    excerpt: str = ""
    remedy: str = ""
    """What a person can do, where that is not to run the stage again."""

    @property
    def passed(self) -> bool:
        """Whether the stage is green."""
        return self.status is Status.PASSED

    @property
    def is_red(self) -> bool:
        """Whether the stage makes its suite fail."""
        return self.status in (Status.FAILED, Status.ERROR)

    @property
    def wants_a_look(self) -> bool:
        """Whether there is something for a person to do about it."""
        return self.is_red or self.status is Status.NOT_RUN

    def describe(self) -> str:
        """Say why it is red, show the part of the output that tells, name the command that runs it again."""
        parts = [f"{self.stage} {_VERBS[self.status]}: {self.reason}", self.excerpt, self.remedy or rerun(self.stage)]
        return "\n".join(part for part in parts if part)


def rerun(stage: str) -> str:
    """Name the one command that runs a stage again, on either engine.

    >>> rerun("unit")
    'rerun: ci unit (or: dagger call unit)'
    """
    return f"rerun: ci {stage} (or: dagger call {stage})"
