"""`ci check`: which checks there are, which run, and what is said of them."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from embedded_engine.api.definitions import OBJECT, VOID, Function, FunctionArg, Module, ObjectTypeDef, TypeDef
from embedded_engine.cli.catalog import Catalog
from embedded_engine.cli.core import CoreTypes
from embedded_engine.cli.errors import UsageError
from embedded_engine.cli.module import ModuleSource
from embedded_engine.cli.options import Options
from embedded_engine.cli.selection import Selection, select

Run = Callable[..., subprocess.CompletedProcess[str]]

MAIN = ModuleSource("main", Path("/"), Path("/"), Path("/"))
NOTHING = TypeDef(VOID)
PYTHON = TypeDef(OBJECT, definition=ObjectTypeDef("Python"))


def check(name: str) -> Function:
    """A check."""
    return Function(name, NOTHING, check=True)


def no_core() -> CoreTypes:
    """The core schema, which these tests must not load."""
    raise AssertionError("the core schema is not needed here")


CATALOG = Catalog(
    Module(
        objects=(
            TypeDef(
                OBJECT,
                definition=ObjectTypeDef(
                    "Main",
                    functions=(
                        check("lint"),
                        check("unit_tests"),
                        check("unitLong"),
                        Function("python", PYTHON),
                        Function("versioned", PYTHON, args=(FunctionArg("version", NOTHING),)),
                        Function("sources", NOTHING, generator=True),
                        Function("build", NOTHING),
                    ),
                ),
            ),
            TypeDef(
                OBJECT,
                definition=ObjectTypeDef("Python", functions=(check("lint"), Function("again", PYTHON))),
            ),
        )
    ),
    "Main",
    no_core,
)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", ["lint", "python:lint", "sources", "unit-long", "unit-tests"]),
        ("lint", ["lint"]),
        ("unit*", ["unit-long", "unit-tests"]),
        ("unit_tests", ["unit-tests"]),
        ("python", ["python:lint"]),
        ("python:*", ["python:lint"]),
        ("**", ["lint", "python:lint", "sources", "unit-long", "unit-tests"]),
        ("main:lint", ["lint"]),
        ("lint unit-tests", ["lint", "unit-tests"]),
        ("--no-generate", ["lint", "python:lint", "unit-long", "unit-tests"]),
        ("--generate", ["sources"]),
    ],
    ids=[
        "all without a name",
        "a name is one check",
        "a glob stays within a part",
        "names in any case",
        "a group is all in it",
        "a glob in a group",
        "two stars are everything",
        "the module's name may precede it",
        "several names",
        "without generators",
        "generators only",
    ],
)
def test_checks_are_selected(words: str, expected: list[str]) -> None:
    """Names and globs choose among the checks that need no argument, in objects of objects too."""
    selection, _ = Selection.parse(words.split(), Options())
    assert [each.name for each in select([(MAIN, CATALOG)], selection)] == expected


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("lnt", "no check is named 'lnt'; did you mean 'lint'?"),
        ("nothing*", "no check is named 'nothing*'"),
        ("--lst", "unknown option --lst for check; did you mean '--list'?"),
        ("--generate --no-generate", "exclude each other"),
    ],
)
def test_bad_selection_is_refused(words: str, message: str) -> None:
    """A name that no check has is refused, so that a typing mistake never passes."""
    with pytest.raises(UsageError) as caught:
        select([(MAIN, CATALOG)], Selection.parse(words.split(), Options())[0])
    assert message in str(caught.value)


def test_checks_are_listed(ci: Run) -> None:
    """`-l` lists names and what they check, and runs nothing."""
    ran = ci("check", "-l")
    assert ran.stdout.splitlines() == [
        "Name          Description",
        "bad           All is not well.",
        "good          All is well.",
        "good-too      All is well here, too.",
        "thing:sound   The thing is sound.",
    ]


def test_checks_run_at_once_and_each_has_a_line(ci: Run) -> None:
    """All checks run concurrently; one that fails has its message, and the exit code is 1."""
    ran = ci("check")
    lines = ran.stdout.splitlines()
    assert ran.returncode == 1
    seconds = {line.split()[1]: float(line.split()[2]) for line in lines if line.startswith(("✔", "✘"))}
    assert set(seconds) == {"bad", "good", "good-too", "thing:sound"}
    assert seconds["good"] + seconds["good-too"] > 0.9
    assert "    not well" in lines
    assert "Error: 1 of 4 checks failed" in ran.stderr


def test_green_checks_exit_with_0(ci: Run) -> None:
    """Named checks that pass are all that runs."""
    ran = ci("check", "good*", "thing")
    assert ran.returncode == 0
    assert len(re.findall("^✔", ran.stdout, re.MULTILINE)) == 3
    assert "✘" not in ran.stdout


def test_first_failure_can_end_the_others(ci: Run) -> None:
    """With --failfast a check that still runs is cancelled."""
    ran = ci("check", "--failfast", "bad", "good")
    assert ran.returncode == 1
    assert "✔" not in ran.stdout
