"""What GitHub shows beside the lines of a pull request."""

from ci.annotations import LONGEST_MESSAGE, MOST_OF_A_KIND, annotations
from ci.outcome import Outcome, Status

OUTPUT = """\
$ some command
src/app/main.py:3:8: F401 `os` imported but unused
src/app/main.py:12: error: Argument 1 to "f" has incompatible type  [arg-type]
tests/unit/test_core.py:33: AssertionError
tests/unit/test_core.py:33: AssertionError
  --> src/app/core/items.py:185:102
http://127.0.0.1:8000/health: refused
at 12:30:15 it was:1: late
"""


def red(stage: str, excerpt: str = "", reason: str = "exit code 1") -> Outcome:
    """A red stage."""
    return Outcome(stage, Status.FAILED, reason=reason, excerpt=excerpt)


def test_a_green_run_annotates_nothing() -> None:
    """Neither do stages that were skipped, or that nobody could carry out for a foreign reason."""
    outcomes = [Outcome("lint", Status.PASSED), Outcome("audit", Status.NOT_RUN), Outcome("deploy", Status.SKIPPED)]
    assert annotations(outcomes, [], []) == ""


def test_the_places_that_tools_name_are_found() -> None:
    """Linter, type checker, pytest and formatter each write them in their own way; each place counts once."""
    assert annotations([red("mixed", OUTPUT)], [], []).splitlines()[1:] == [
        "::error file=src/app/main.py,line=3,col=8,title=mixed::F401 `os` imported but unused",
        '::error file=src/app/main.py,line=12,title=mixed::error: Argument 1 to "f" has incompatible type  [arg-type]',
        "::error file=tests/unit/test_core.py,line=33,title=mixed::AssertionError",
        "::error file=src/app/core/items.py,line=185,col=102,title=mixed::exit code 1",
    ]


def test_each_stage_comes_with_the_command_that_helps() -> None:
    """Or with what else helps."""
    again = Outcome("release", Status.FAILED, reason="403", remedy="run the job again")
    assert annotations([red("unit"), again], [], []).splitlines() == [
        "::error title=unit failed::exit code 1%0Aci unit",
        "::error title=release failed::403%0Arun the job again",
    ]


def test_what_would_end_a_command_is_escaped() -> None:
    """A branch's name, or the output of a test, can write no command of its own."""
    text = annotations([red("a:b,c", reason="100%\r\n::error::x")], ["50%\n::set-output::y"], ["w\n::z::"])
    assert text.splitlines() == [
        "::error::50%25%0A::set-output::y",
        "::error title=a%3Ab%2Cc failed::100%25%0D%0A::error::x%0Aci a:b,c",
        "::warning::w%0A::z::",
    ]


def test_no_more_than_github_shows_and_what_is_left_out_is_counted() -> None:
    """Stages first, then places by turns, so that one tool does not hide the others."""
    many = "\n".join(f"src/app/main.py:{line}:1: E{line}" for line in range(1, 101))
    lines = annotations([red("lint", many), red("unit", "tests/unit/test_a.py:7: Error")], [], []).splitlines()
    assert len(lines) == MOST_OF_A_KIND
    assert lines[:4] == [
        "::error title=lint failed::exit code 1%0Aci lint",
        "::error title=unit failed::exit code 1%0Aci unit",
        "::error file=src/app/main.py,line=1,col=1,title=lint::E1",
        "::error file=tests/unit/test_a.py,line=7,title=unit::Error",
    ]
    assert lines[-1] == "::error::94 more: see the summary and the reports"
    assert len(annotations([], [], ["w"] * 60).splitlines()) == MOST_OF_A_KIND


def test_a_long_message_is_shortened() -> None:
    """GitHub folds it anyway."""
    (line,) = annotations([], ["x" * 10_000], []).splitlines()
    assert len(line) == len("::error::") + LONGEST_MESSAGE
