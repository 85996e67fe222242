"""What GitHub shows beside the lines of a pull request, as the commands that a job prints.

GitHub shows at most ten of a kind per step and drops the others without a word: the first are one for each red stage,
then the places that its output names, and what is left out is counted.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Final

from ci.outcome import Outcome
from ci.summary import rerun_of

MOST_OF_A_KIND: Final = 10
"""What GitHub shows of errors, and of warnings, in one step; in a job it is 50 of all."""

LONGEST_MESSAGE: Final = 1_000
"""Characters; GitHub folds what is longer."""

# `path:line:column: message` of linters, type checkers and pytest; the formatter's `--> path:line:column`.
_PLACE: Final = re.compile(
    r"^(?:\s*--> )?(?P<file>[\w.-]+(?:/[\w.-]+)+\.\w+):(?P<line>[1-9]\d{0,6})(?::(?P<column>[1-9]\d{0,6}))?(?:: ?(?P<text>.*))?$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Annotation:
    """One command; without a file it stands at the job."""

    kind: str
    """`error` or `warning`."""
    message: str
    title: str = ""
    file: str = ""
    line: str = ""
    column: str = ""

    def __str__(self) -> str:
        properties = {"file": self.file, "line": self.line, "col": self.column, "title": self.title}
        written = ",".join(f"{name}={_property(value)}" for name, value in properties.items() if value)
        return f"::{self.kind}{' ' if written else ''}{written}::{_data(_clipped(self.message))}"


def annotations(outcomes: Sequence[Outcome], failures: Sequence[str], warnings: Sequence[str]) -> str:
    """Write the commands of a run: its red stages, what fails it beside them, and what a person should see."""
    red = [outcome for outcome in outcomes if outcome.is_red]
    places = zip_longest(*(list(_places(outcome)) for outcome in red))
    errors = chain(
        (Annotation("error", line) for line in failures),
        map(_of_stage, red),
        # By turns, so that a linter's hundred lines do not hide the one of a test.
        (place for turn in places for place in turn if place is not None),
    )
    lines = [*_fitting("error", list(errors)), *_fitting("warning", [Annotation("warning", line) for line in warnings])]
    return "".join(f"{line}\n" for line in lines)


def _of_stage(outcome: Outcome) -> Annotation:
    return Annotation("error", f"{outcome.reason}\n{rerun_of(outcome)}", title=f"{outcome.stage} {outcome.status}")


def _places(outcome: Outcome) -> Iterator[Annotation]:
    """Find the places that an output names, each once."""
    seen = set()
    for place in _PLACE.finditer(outcome.excerpt):
        at = (place["file"], place["line"])
        if at not in seen:
            seen.add(at)
            yield Annotation("error", place["text"] or outcome.reason, outcome.stage, *at, place["column"] or "")


def _fitting(kind: str, found: Sequence[Annotation]) -> Sequence[Annotation]:
    if len(found) <= MOST_OF_A_KIND:
        return found
    kept = MOST_OF_A_KIND - 1
    return [*found[:kept], Annotation(kind, f"{len(found) - kept} more: see the summary and the reports")]


def _clipped(text: str) -> str:
    return text if len(text) <= LONGEST_MESSAGE else f"{text[: LONGEST_MESSAGE - 1]}…"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
