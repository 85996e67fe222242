"""What is said in two places is the same in both."""

import tomllib
from typing import Any

import pytest

from ci.policy.commits import cut_version
from ci.policy.cuts import CUT_LINES, Increment, Prerelease
from ci.policy.models import VERSION_LINES
from ci.scripts.versioning.next_version import PHASES
from ci.scripts.versioning.repository import parse_version
from ci.scripts.versioning.rules import Rules
from scripted_repository import ROOT, ScriptedRepository

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_the_tests_have_the_commitizen_that_the_stages_have() -> None:
    """What the tests have seen is what runs."""
    tools = tomllib.loads((ROOT / "ci/tools/pyproject.toml").read_text())
    assert tools["dependency-groups"]["versions"][0] in PROJECT["dependency-groups"]["pipeline"]


@pytest.mark.parametrize(
    ("setting", "value"),
    [("version_scheme", "semver2"), ("tag_format", "v$version"), ("prerelease_offset", 1), ("version_provider", "uv")],
)
def test_commitizen_by_hand_would_do_the_same(setting: str, value: Any) -> None:
    """The pipeline takes these for granted; they are set for those who run commitizen themselves."""
    assert PROJECT["tool"]["commitizen"][setting] == value


def test_the_policy_knows_the_prereleases() -> None:
    """In their order, and what may count up."""
    assert tuple(Prerelease) == PHASES
    assert [increment.name for increment in Increment] == ["PATCH", "MINOR", "MAJOR"]


def test_versions_are_cut_where_they_may_be_tagged() -> None:
    """In both models."""
    assert all(set(CUT_LINES) <= set(lines) for lines in VERSION_LINES.values())


def test_the_policy_knows_the_commit_of_a_version(repository: ScriptedRepository) -> None:
    """The push of it to main is no direct push."""
    message = Rules().message(parse_version("1.4.1"), parse_version("1.5.0-rc.1"))
    assert cut_version(message) == "1.5.0-rc.1"
