"""Versions: which texts are one, how they are ordered, and the next release candidate."""

import pytest
from semver import Version

from ci.policy.errors import PolicyError
from ci.policy.versions import (
    is_highest,
    is_stable,
    major_line,
    minor_line,
    next_candidate,
    parse_version,
    parse_version_tag,
    version_tag,
    versions_among,
)

STRICT = ["0.0.0", "1.4.2", "1.5.0-rc.1", "1.5.0-alpha.10", "1.0.0-0a", "1.0.0--", "10.20.30", "1.2.3-" + "a" * 122]
MALFORMED = [
    pytest.param("", id="nothing"),
    pytest.param("1.2", id="two numbers"),
    pytest.param("1", id="one number"),
    pytest.param("1.2.3.4", id="four numbers"),
    pytest.param("01.2.3", id="a leading zero"),
    pytest.param("1.2.3-01", id="a leading zero in the prerelease"),
    pytest.param("1.2.3+build", id="build metadata"),
    pytest.param("1.2.3-rc.1+build", id="build metadata of a prerelease"),
    pytest.param("1.2.3-", id="an empty prerelease"),
    pytest.param("1.2.3-a..b", id="two dots"),
    pytest.param("..", id="dots"),
    pytest.param("\u0661.\u0662.\u0663", id="digits of another script"),
    pytest.param("1.2.3-ü", id="Unicode"),
    pytest.param("1.2.3-" + "a" * 123, id="longer than an image's tag"),
    pytest.param("1." + "2" * 300 + ".3", id="300 characters"),
    pytest.param("1.2.3\n", id="a newline"),
    pytest.param(" 1.2.3", id="a blank"),
    pytest.param("V1.2.3", id="a capital V"),
]


@pytest.mark.parametrize("text", STRICT)
def test_a_strict_version_is_read_with_and_without_v(text: str) -> None:
    """Git has the v, an image's tag has not."""
    assert str(parse_version(text)) == text
    assert version_tag(parse_version_tag(f"v{text}")) == f"v{text}"


@pytest.mark.parametrize("text", MALFORMED)
def test_anything_else_is_refused_in_one_line(text: str) -> None:
    """The line gives examples of what was expected."""
    with pytest.raises(PolicyError, match=r"^version .* is refused: expected X\.Y\.Z .* 1\.4\.2 or 1\.5\.0-rc\.1$"):
        parse_version(text)
    with pytest.raises(
        PolicyError, match=r"^version tag .* is refused: expected X\.Y\.Z .* v1\.4\.2 or v1\.5\.0-rc\.1$"
    ):
        parse_version_tag(f"v{text}")


def test_a_version_tag_begins_with_v() -> None:
    """A tag without it is somebody's, not a version's."""
    with pytest.raises(PolicyError, match=r"version tag '1\.4\.2' is refused"):
        parse_version_tag("1.4.2")


def test_versions_are_ordered_as_the_standard_says() -> None:
    """Numbers in a prerelease count as numbers: alpha.10 comes after alpha.2."""
    ordered = ["1.0.0-alpha", "1.0.0-alpha.2", "1.0.0-alpha.10", "1.0.0-beta", "1.0.0-rc.1", "1.0.0", "1.0.1", "1.10.0"]
    assert [str(version) for version in sorted(map(parse_version, reversed(ordered)))] == ordered


def test_versions_of_git_and_of_the_registry_are_known_and_other_tags_are_not() -> None:
    """A version that is only in one of both exists all the same."""
    known = versions_among(["v1.0.0", "v1.2", "2.0.0", "v1.0.0+x"], ["1.1.0", "1.1", "latest", "sha-abc1234", "v3.0.0"])
    assert known == {Version(1, 0, 0), Version(1, 1, 0)}


def known(*texts: str) -> list[Version]:
    """Read versions."""
    return [parse_version(text) for text in texts]


@pytest.mark.parametrize(
    ("version", "others", "of_all", "of_major", "of_minor"),
    [
        pytest.param("1.4.2", [], True, True, True, id="the first version is the highest"),
        pytest.param("1.4.2", ["1.4.2"], True, True, True, id="a version is not below itself"),
        pytest.param("1.4.2", ["2.0.0-rc.1", "1.5.0-alpha.1"], True, True, True, id="prereleases are not above"),
        pytest.param("1.4.2", ["2.0.0"], False, True, True, id="a major version above"),
        pytest.param("1.4.2", ["1.5.0"], False, False, True, id="a minor version above"),
        pytest.param("1.4.2", ["1.4.10"], False, False, False, id="a patch version above"),
        pytest.param("1.4.2", ["1.4.1", "1.3.9", "0.9.0"], True, True, True, id="all below"),
        pytest.param("1.4.2-rc.1", [], False, False, False, id="a prerelease is never the highest"),
    ],
)
def test_the_highest_stable_of_all_of_a_major_and_of_a_minor_line(
    version: str, others: list[str], of_all: bool, of_major: bool, of_minor: bool
) -> None:
    """Each line has a highest version of its own."""
    one = parse_version(version)
    assert is_highest(one, known(*others)) is of_all
    assert is_highest(one, known(*others), major_line) is of_major
    assert is_highest(one, known(*others), minor_line) is of_minor


def test_a_version_is_stable_without_a_prerelease() -> None:
    """Below 1.0.0 too: only the prerelease decides."""
    assert is_stable(parse_version("0.1.0"))
    assert not is_stable(parse_version("1.0.0-0"))


@pytest.mark.parametrize(
    ("others", "candidate"),
    [
        pytest.param([], "1.5.0-rc.1", id="the first is one"),
        pytest.param(["1.5.0-rc.1"], "1.5.0-rc.2", id="the next is one more"),
        pytest.param(["1.5.0-rc.2", "1.5.0-rc.10"], "1.5.0-rc.11", id="numbers are compared as numbers"),
        pytest.param(["1.5.0-rc.3"], "1.5.0-rc.4", id="a gap is not filled"),
        pytest.param(["1.4.0-rc.7", "1.5.1-rc.7"], "1.5.0-rc.1", id="other versions' candidates do not count"),
        pytest.param(
            ["1.5.0-beta.7", "1.5.0-rc", "1.5.0-rc.x", "1.5.0-rc.1.2"], "1.5.0-rc.1", id="nor do other stages"
        ),
        pytest.param(["1.5.0-rc.0"], "1.5.0-rc.1", id="after zero comes one"),
    ],
)
def test_the_next_free_release_candidate(others: list[str], candidate: str) -> None:
    """It sorts after every candidate that is known."""
    assert str(next_candidate(parse_version("1.5.0"), known(*others))) == candidate
