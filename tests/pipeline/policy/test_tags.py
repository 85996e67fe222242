"""Image tags: which ones are given, which may move, and how names are made valid."""

import hashlib

import pytest

from ci.policy.errors import PolicyError
from ci.policy.moves import Action, Move, in_order, moves_of, outranked, refusals
from ci.policy.refs import Branch
from ci.policy.tags import ImageTag, branch_tag, commit_tag, image_name, parse_digest, parse_tag, version_tags
from ci.policy.versions import parse_version

COMMIT = "abc1234" + "0" * 33
MOVING = {"latest", "2", "2.0", "1", "1.4", "1.9", "0.3"}


@pytest.mark.parametrize(
    ("version", "known", "tags"),
    [
        pytest.param("1.4.2", [], "1.4.2 1.4 1 sha-abc1234 latest", id="the first version has every tag"),
        pytest.param("1.4.2", ["1.4.2", "1.4.1"], "1.4.2 1.4 1 sha-abc1234 latest", id="a rerun has the same tags"),
        pytest.param("0.3.1", [], "0.3.1 0.3 sha-abc1234 latest", id="there is no floating 0"),
        pytest.param("1.4.3", ["2.0.1"], "1.4.3 1.4 1 sha-abc1234", id="hotfix on an older line never takes latest"),
        pytest.param("1.4.3", ["1.5.0"], "1.4.3 1.4 sha-abc1234", id="1 moves only to the highest of 1.*"),
        pytest.param("1.4.3", ["1.4.10"], "1.4.3 sha-abc1234", id="1.4 moves only to the highest of 1.4.*"),
        pytest.param("2.0.0", ["1.9.9"], "2.0.0 2.0 2 sha-abc1234 latest", id="a new major version takes latest"),
        pytest.param("1.4.2", ["2.0.0-rc.1"], "1.4.2 1.4 1 sha-abc1234 latest", id="a prerelease is above nothing"),
        pytest.param("2.0.0-rc.1", [], "2.0.0-rc.1", id="a prerelease gives its own version and nothing else"),
        pytest.param("0.0.0", [], "0.0.0 0.0 sha-abc1234 latest", id="zero"),
    ],
)
def test_the_tags_of_a_version(version: str, known: list[str], tags: str) -> None:
    """Floating tags move, the version and the commit never do."""
    expected = tuple(ImageTag(name, moves=name in MOVING or name == "0.0") for name in tags.split())
    assert version_tags(parse_version(version), COMMIT, map(parse_version, known)) == expected


def test_the_tag_of_a_commit_has_seven_of_its_digits() -> None:
    """As git shortens it."""
    assert commit_tag(COMMIT) == "sha-abc1234"


LONG = "feat/" + "a" * 123


def hashed(kept: str, branch: str) -> str:
    """Write a tag with the hash of a branch's whole name."""
    return f"{kept}-{hashlib.sha256(branch.encode()).hexdigest()[:12]}"


@pytest.mark.parametrize(
    ("branch", "tag"),
    [
        pytest.param("feat/login-button", "feat-login-button", id="the slash becomes a dash"),
        pytest.param("feat/Login_2.0", "feat-Login_2.0", id="what a tag may have stays"),
        pytest.param(LONG, "feat-" + "a" * 123, id="128 characters stay"),
        pytest.param(LONG + "a", hashed("feat-" + "a" * 110, LONG + "a"), id="129 characters are shortened"),
        pytest.param("feat/login#2", hashed("feat-login-2", "feat/login#2"), id="changed beyond the slash"),
        pytest.param("feat/login/2", hashed("feat-login-2", "feat/login/2"), id="a second slash could be a dash"),
        pytest.param("feat-login-2", hashed("feat-login-2", "feat-login-2"), id="a dash could be the slash"),
        pytest.param(
            "feat/x-0123456789ab",
            hashed("feat-x-0123456789ab", "feat/x-0123456789ab"),
            id="what looks hashed is hashed",
        ),
        pytest.param("-.feat/x", hashed("feat-x", "-.feat/x"), id="no dot and no dash at the beginning"),
        pytest.param("-", hashed("", "-").lstrip("-"), id="nothing is left but the hash"),
    ],
)
def test_the_tag_of_a_branch(branch: str, tag: str) -> None:
    """It is the name where it can be, and has a hash where another branch could have the same."""
    assert branch_tag(Branch(branch)) == tag
    assert parse_tag(tag) == tag


@pytest.mark.parametrize("text", ["", ".x", "-x", "a" * 129, "a/b", "ü", "x\n", "a:b"])
def test_a_malformed_tag_is_refused(text: str) -> None:
    """The registry would refuse it late."""
    with pytest.raises(PolicyError, match=r"image tag .* is refused: expected 1 to 128 of"):
        parse_tag(text)


@pytest.mark.parametrize("text", ["", "sha256:", "sha256:" + "D" * 64, "sha512:" + "d" * 64, "sha256:" + "d" * 65])
def test_a_malformed_digest_is_refused(text: str) -> None:
    """What lies about its digest is no image."""
    with pytest.raises(PolicyError, match=r"digest .* is refused: expected sha256: and 64"):
        parse_digest(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Acme/Items", "acme/items"),
        ("items", "items"),
        ("registry.example:5000/Acme/Items", "registry.example:5000/acme/items"),
        ("a__b/c--d/e.f", "a__b/c--d/e.f"),
    ],
)
def test_an_images_name_is_in_lower_case(text: str, name: str) -> None:
    """GitHub's names have capitals, a registry's have not."""
    assert image_name(text) == name


@pytest.mark.parametrize(
    "text", ["", "/items", "acme/", "acme//items", "acme/items:1.4.2", "a..b", "-a", "\u212a/items", "a" * 256, "a b"]
)
def test_a_malformed_image_name_is_refused(text: str) -> None:
    """A letter whose lower case is ASCII is still none of its own."""
    with pytest.raises(PolicyError, match=r"image name .* is refused"):
        image_name(text)


A = "sha256:" + "a" * 64
B = "sha256:" + "b" * 64


@pytest.mark.parametrize(
    ("tag", "published", "move"),
    [
        pytest.param(ImageTag("1.4.2"), {}, Move("1.4.2", Action.CREATE, None), id="a new tag"),
        pytest.param(ImageTag("1.4.2"), {"1.4.2": A}, Move("1.4.2", Action.KEEP, A), id="the same digest is a no-op"),
        pytest.param(ImageTag("1.4.2"), {"1.4.2": B}, Move("1.4.2", Action.REFUSE, B), id="another digest is refused"),
        pytest.param(ImageTag("1", True), {}, Move("1", Action.CREATE, None), id="a new floating tag"),
        pytest.param(ImageTag("1", True), {"1": A}, Move("1", Action.KEEP, A), id="a floating tag that is there"),
        pytest.param(ImageTag("1", True), {"1": B}, Move("1", Action.MOVE, B), id="a floating tag moves"),
    ],
)
def test_what_giving_a_tag_does(tag: ImageTag, published: dict[str, str], move: Move) -> None:
    """Versions and commits keep the digest that they were first given."""
    assert moves_of([tag], A, published) == (move,)


def test_a_refusal_says_which_tag_is_whose() -> None:
    """The loser of a race learns who won."""
    moves = moves_of([ImageTag("1.4.2"), ImageTag("1", moves=True), ImageTag("sha-abc1234")], A, {"1.4.2": B, "1": B})
    assert refusals(moves, A) == (f"1.4.2 is {B} and never changes, so it cannot become {A}",)


@pytest.mark.parametrize(
    ("tags", "order"),
    [
        pytest.param("1.4.2 1.4 1 sha-abc1234 latest", "sha-abc1234 1.4.2 1.4 1 latest", id="a version's"),
        pytest.param("latest 1 1.4", "1 1.4 latest", id="latest is last whatever was first"),
        pytest.param("1.5.0-rc.1", "1.5.0-rc.1", id="a prerelease's"),
        pytest.param("", "", id="none"),
    ],
)
def test_what_never_changes_is_given_first_and_latest_last(tags: str, order: str) -> None:
    """A run that ends half-way has then promised nothing that it does not keep."""
    assert [tag.name for tag in in_order(ImageTag(name, name in MOVING) for name in tags.split())] == order.split()


@pytest.mark.parametrize(
    ("tags", "there", "higher"),
    [
        pytest.param(
            "1.9.1 1.9 1 latest", "2.0.1 2.0 2 latest", {"latest": "2.0.1"}, id="latest is a higher version's"
        ),
        pytest.param("1.9.1 1.9 1 latest", "1.9.0 1.9 1 latest", {}, id="lower versions do not count"),
        pytest.param("1.9.1 1.9 1 latest", "1.9.1", {}, id="nor does the version itself"),
        pytest.param(
            "1.9.1 1.9 1 latest", "1.10.0", {"1": "1.10.0", "latest": "1.10.0"}, id="nor letters: 10 is over 9"
        ),
        pytest.param("1.9.1 1.9", "1.9.2 2.0.0", {"1.9": "1.9.2"}, id="each line has a highest of its own"),
        pytest.param("1.9.1 1.9 1 latest", "2.0.0-rc.1", {}, id="a prerelease takes nothing"),
        pytest.param("1.9.1 1.9 1 latest", "feat-x sha-abc1234 v2.0.0 9", {}, id="nor does what is no version"),
        pytest.param("sha-abc1234", "2.0.0", {}, id="a commit has no floating tags"),
        pytest.param("latest", "2.0.0", {"latest": "2.0.0"}, id="a tag without a version of its own"),
    ],
)
def test_a_floating_tag_belongs_to_the_highest_version_of_the_registry(
    tags: str, there: str, higher: dict[str, str]
) -> None:
    """Whatever git said of versions when the run began."""
    given = [ImageTag(name, name in MOVING) for name in tags.split()]
    assert outranked(given, there.split()) == higher
