"""Where a version is cut, and which."""

import pytest
from semver import Version

from ci.policy.cuts import Increment, Prerelease, parse_wish, refused_line, refused_version, skips_taken
from ci.policy.errors import PolicyError
from ci.policy.refs import Branch


@pytest.mark.parametrize("branch", ["main", "hotfix/1.4.2", "hotfix/a/b"])
def test_versions_are_cut_on_main_and_on_hotfix_lines(branch: str) -> None:
    """In both models."""
    assert refused_line(Branch(branch)) is None


@pytest.mark.parametrize(
    "branch", ["develop", "release/v1.5.0", "feature/x", "feat/x", "hotfix/", "hotfix", "main2", "x/main"]
)
def test_no_version_is_cut_elsewhere(branch: str) -> None:
    """The candidates of a release branch are tagged without a commit of their own."""
    assert refused_line(Branch(branch)) == f"no version is cut on {branch}, only on main or hotfix/*"


@pytest.mark.parametrize(
    ("branch", "current", "target", "refused"),
    [
        pytest.param("main", "1.4.1", "2.0.0", False, id="main gets any version"),
        pytest.param("hotfix/x", "1.4.1", "1.4.2", False, id="a hotfix line gets patches"),
        pytest.param("hotfix/x", "1.4.1", "1.4.2-rc.1", False, id="and their candidates"),
        pytest.param("hotfix/x", "1.4.1", "1.5.0", True, id="but no minor version"),
        pytest.param("hotfix/x", "1.4.1", "2.4.2", True, id="and no major one"),
    ],
)
def test_a_hotfix_line_stays_on_its_minor_version(branch: str, current: str, target: str, refused: bool) -> None:
    """A feature on it is a mistake, or asks for a release from main."""
    why = refused_version(Branch(branch), Version.parse(current), Version.parse(target))
    expected = (
        f"{branch} gets patch versions of 1.4 only, but what is new on it asks for {target} "
        "(--increment=PATCH overrules that)"
    )
    assert why == (expected if refused else None)


@pytest.mark.parametrize(("branch", "skips"), [("main", True), ("", True), ("develop", True), ("hotfix/x", False)])
def test_only_a_hotfix_line_never_counts_over_another(branch: str, skips: bool) -> None:
    """It would release as newer what lacks the other line's fix."""
    assert skips_taken(branch) is skips


def test_wishes_are_read_in_any_case() -> None:
    """Left out is nothing asked for; what is unknown is refused with what is known."""
    assert parse_wish(Prerelease, "") is None
    assert parse_wish(Prerelease, "RC") is Prerelease.RC
    assert parse_wish(Increment, "Major") is Increment.MAJOR
    with pytest.raises(PolicyError, match=r"^increment 'huge' is refused: expected patch or minor or major$"):
        parse_wish(Increment, "huge")
