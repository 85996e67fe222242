"""Which stages make a suite, and that the module offers what the tables name."""

import inspect

import pytest

from ci import Ci
from ci.policy.suites import STAGES, Suite, stages_of

FUNCTIONS = Ci.__dagger_object_type__.functions  # type: ignore[attr-defined]  # set by the SDK's decorator

SERVICE_STAGES = ("migrations", "integration", "build", "smoke")
ASKING_OTHERS = ("audit",)
VERSIONS = ("next_version", "bump", "changelog", "release_notes", "cut_release")


def test_the_quick_suite_needs_no_service_and_no_image() -> None:
    """The quick suite reads the code and runs unit tests, nothing else."""
    code = ("formatting", "lint", "types", "unit", "lock")
    assert stages_of(Suite.QUICK) == (*code, "commits", "openapi", "dockerfile", "sql", "workflow", "secrets")


def test_the_full_suite_is_the_quick_one_and_then_services_and_image() -> None:
    """What is green in full is green in quick."""
    assert stages_of(Suite.FULL) == stages_of(Suite.QUICK) + SERVICE_STAGES + ASKING_OTHERS


@pytest.mark.parametrize("suite", Suite)
def test_every_suite_has_stages_and_names_none_twice(suite: Suite) -> None:
    """No suite is empty, and no stage is in it twice."""
    assert stages_of(suite)
    assert len(set(stages_of(suite))) == len(stages_of(suite))


def test_every_suite_is_in_the_table() -> None:
    """A suite without stages would be green at once."""
    assert set(STAGES) == set(Suite)


@pytest.mark.parametrize("suite", Suite)
def test_the_command_line_can_name_a_suite(suite: Suite) -> None:
    """The command line passes a member's name, a person writes its value: they are the same word."""
    assert suite.name == suite.value.upper()


@pytest.mark.parametrize("name", stages_of(Suite.FULL))
def test_every_named_stage_is_a_check_without_required_arguments(name: str) -> None:
    """`dagger check` runs every stage that a suite runs."""
    assert FUNCTIONS[name].check
    assert all(parameter.is_optional or parameter.default_path for parameter in FUNCTIONS[name].parameters.values())


def test_every_check_belongs_to_the_full_suite_except_the_scan() -> None:
    """A stage that no suite runs would guard nothing; the scan needs a registry that is not reached from everywhere."""
    checks = {name for name, function in FUNCTIONS.items() if name and function.check}
    assert checks == {*stages_of(Suite.FULL), "scan"}


def test_the_module_registers_exactly_these_functions() -> None:
    """A function that the SDK does not see disappears in silence; the empty name is the constructor."""
    assert set(FUNCTIONS) - {""} == {
        *stages_of(Suite.FULL),
        "scan",
        *("quick", "full", "report"),
        *("plan", "run", "publish", "deploy", "github_release"),
        *("next_version", "bump", "changelog", "release_notes", "cut_release"),
        *("plan", "run", "publish", "deploy", "github_release"),
        *VERSIONS,
        *("base", "image", "sbom", "coverage"),
    }


@pytest.mark.parametrize("name", ["quick", "full", "report", "audit", "scan"])
def test_what_runs_a_suite_is_cached_for_a_session_only(name: str) -> None:
    """Under the default a suite would answer for seven days without running, and a report keep a passing trouble."""
    assert FUNCTIONS[name].cache_policy == "session"


@pytest.mark.parametrize("name", ["plan", "run", "publish", "deploy", "github_release", *VERSIONS])
def test_what_depends_on_the_day_or_changes_the_outside_is_never_cached(name: str) -> None:
    """An answer of yesterday would be taken for one of today, and a deed that was done for one that is."""
    assert FUNCTIONS[name].cache_policy == "never"


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_says_what_it_does(name: str) -> None:
    """The documentation of a function is what `dagger functions` shows."""
    assert FUNCTIONS[name].doc


def test_a_stage_keeps_the_plain_method_for_the_suites() -> None:
    """Suites make a stage's container without running it as a check."""
    plain = inspect.unwrap(Ci.lint)
    assert plain is not Ci.lint
    assert plain.__name__ == "lint"
