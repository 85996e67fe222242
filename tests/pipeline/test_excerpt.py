"""The part of the output that a person sees of a red stage."""

import pytest

from ci.excerpt import excerpt, root_cause

PYTEST = """\
$ pytest tests/unit
============================= test session starts ==============================
collected 2 items

tests/unit/test_a.py .F                                                  [100%]

=================================== FAILURES ===================================
____________________________________ test_b ____________________________________
>       assert 1 == 2
E       assert 1 == 2
-------------------- generated xml file: /reports/junit/unit.xml --------------------
================================ tests coverage ================================
TOTAL    96%
=========================== short test summary info ============================
FAILED tests/unit/test_a.py::test_b - assert 1 == 2
"""


def test_of_a_test_run_only_the_failures_are_shown() -> None:
    """What passed is left out."""
    shown = excerpt(PYTEST)
    assert shown.startswith("=================================== FAILURES")
    assert "coverage" not in shown
    assert shown.endswith("FAILED tests/unit/test_a.py::test_b - assert 1 == 2")


def test_errors_while_collecting_are_shown() -> None:
    """A module that cannot be imported is no failure for pytest, but an error."""
    text = "collected 0 items / 1 error\n\n==== ERRORS ====\nImportError: no\n"
    assert excerpt(text) == "==== ERRORS ====\nImportError: no"


def test_of_green_tests_that_cover_too_little_the_coverage_is_shown() -> None:
    """The table says which lines are missing."""
    text = "$ pytest\ntests/a.py ....\n==== tests coverage ====\nTOTAL 70%\nFAIL Required test coverage of 80% not reached\n"
    assert excerpt(text).startswith("==== tests coverage ====\nTOTAL 70%\nFAIL Required")


def test_lines_of_a_linter_are_shown_as_they_are() -> None:
    """Every line of a linter is a finding."""
    assert excerpt("$ ruff check\na.py:1:1: F401 unused\nFound 1 error.\n") == (
        "$ ruff check\na.py:1:1: F401 unused\nFound 1 error."
    )


def test_only_the_command_that_failed_is_shown() -> None:
    """A stage ends at its first red command, so the last one is it."""
    assert excerpt("$ alembic upgrade head\nfine\n$ alembic check\ndrift\n") == "$ alembic check\ndrift"


def test_a_long_text_loses_its_middle() -> None:
    """Linters begin and test runners end with what matters most."""
    shown = excerpt("\n".join(f"line {number}" for number in range(100)), max_lines=10).split("\n")
    assert shown[0] == "line 0"
    assert shown[5] == "... 90 lines left out ..."
    assert shown[-1] == "line 99"
    assert len(shown) == 11


def test_a_long_line_is_shortened() -> None:
    """One line can be a megabyte."""
    shown = excerpt("a" * 50_000 + "b", max_characters=1_000)
    assert len(shown) < 1_100
    assert shown.startswith("aaa")
    assert shown.endswith("aab")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("", "", id="no output"),
        pytest.param("\x1b[31mred\x1b[0m\n", "red", id="colours are left out"),
        pytest.param("a\r\nb\r\n", "a\nb", id="line ends are those of the terminal"),
    ],
)
def test_odd_texts(text: str, shown: str) -> None:
    """Texts that tools print in odd circumstances come out plain."""
    assert excerpt(text) == shown


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        pytest.param("no such image", "no such image", id="plain"),
        pytest.param("no such image [traceparent:dd37c5b1-3e3b]", "no such image", id="a trace"),
        pytest.param(f"load Container@{'A' * 5000}: load xxh3:a7: inputs: exit code: 1", "exit code: 1", id="a graph"),
        pytest.param("x " * 2000 + "the end", "... " + ("x " * 2000 + "the end")[-2000:], id="long: its end"),
    ],
)
def test_of_an_engines_message_the_cause_is_shown(message: str, cause: str) -> None:
    """What engines write for their own display is left out."""
    assert root_cause(message) == cause
