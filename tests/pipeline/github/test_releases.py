"""Releases on a small GitHub: what it holds afterwards, and how often it was asked to change."""

from collections.abc import Callable

import pytest

from ci.github import GitHub, GitHubError
from ci.github.releases import LONGEST_NOTES, release
from ci.policy.plan import Release
from github_rules import Body
from github_rules import commit as hash_of
from github_server import REPOSITORY, TOKEN, GitHubServer

STABLE = Release("1.4.2", prerelease=False, make_latest=True)
OLDER = Release("1.3.9", prerelease=False, make_latest=False)
CANDIDATE = Release("1.5.0-rc.1", prerelease=True, make_latest=False)
DRAFT = Release("1.5.0-rc.1", prerelease=True, make_latest=False, draft=True)
FIRST = hash_of("first")

Put = Callable[..., Body]


@pytest.fixture
def tagged(server: GitHubServer) -> GitHubServer:
    """Every version's tag at the first commit."""
    for wanted in (STABLE, OLDER, CANDIDATE):
        server.state.refs[f"refs/tags/{wanted.tag}"] = FIRST
    return server


@pytest.fixture
def put(server: GitHubServer) -> Put:
    """Puts a release there as if a person, or another run, had made it."""

    def add(tag: str, **fields: object) -> Body:
        number = len(server.state.releases) + 1
        made: Body = {
            "id": number,
            "tag_name": tag,
            "target_commitish": FIRST,
            "name": tag,
            "body": "",
            "draft": False,
            "prerelease": False,
            "html_url": f"https://github.example/{REPOSITORY}/releases/{number}",
        }
        server.state.releases.append(made | fields)
        return server.state.releases[-1]

    return add


def shape(server: GitHubServer) -> list[tuple[str, str, bool, bool]]:
    """The releases by tag, notes, draft and prerelease."""
    return [(each["tag_name"], each["body"], each["draft"], each["prerelease"]) for each in server.state.releases]


async def test_a_version_is_released(tagged: GitHubServer, github: GitHub) -> None:
    """Published, with its notes, as the latest; the URL is that of its page."""
    url = await release(github, STABLE, "Notes", FIRST)
    assert url == f"https://github.example/{REPOSITORY}/releases/tag/v1.4.2"
    assert shape(tagged) == [("v1.4.2", "Notes", False, False)]
    assert tagged.state.moved_latest == ["v1.4.2"]
    assert tagged.writes == ["POST releases"]


async def test_a_second_run_changes_nothing(tagged: GitHubServer, github: GitHub) -> None:
    """What is there already is asked for, and not sent again."""
    first = await release(github, STABLE, "Notes", FIRST)
    assert await release(github, STABLE, "Notes", FIRST) == first
    assert tagged.writes == ["POST releases"]


async def test_other_notes_are_an_update(tagged: GitHubServer, github: GitHub) -> None:
    """The same release gets them."""
    await release(github, STABLE, "Notes", FIRST)
    await release(github, STABLE, "Better notes", FIRST)
    assert shape(tagged) == [("v1.4.2", "Better notes", False, False)]
    assert tagged.writes == ["POST releases", "PATCH releases/1"]


async def test_a_hotfix_on_an_older_line_does_not_become_the_latest(tagged: GitHubServer, github: GitHub) -> None:
    """GitHub would take the newest by date."""
    await release(github, STABLE, "", FIRST)
    await release(github, OLDER, "", FIRST)
    await release(github, OLDER, "again", FIRST)
    assert tagged.state.moved_latest == ["v1.4.2"]
    assert tagged.state.latest == 1


async def test_the_latest_that_another_took_is_taken_back(tagged: GitHubServer, github: GitHub, put: Put) -> None:
    """Everything else is the same, and still the release is brought up to date."""
    await release(github, STABLE, "", FIRST)
    tagged.state.latest = put("v9.9.9")["id"]
    await release(github, STABLE, "", FIRST)
    assert tagged.state.latest == 1


async def test_a_prerelease_is_marked_and_never_the_latest(tagged: GitHubServer, github: GitHub) -> None:
    """As the policy says."""
    await release(github, CANDIDATE, "", FIRST)
    assert shape(tagged) == [("v1.5.0-rc.1", "", False, True)]
    assert tagged.state.latest is None


async def test_a_release_made_by_hand_is_updated_and_not_doubled(
    tagged: GitHubServer, github: GitHub, put: Put
) -> None:
    """Whoever made it, there is one for a tag."""
    put("v1.4.2", body="by hand", prerelease=True)
    await release(github, STABLE, "Notes", FIRST)
    assert shape(tagged) == [("v1.4.2", "Notes", False, False)]
    assert tagged.state.latest == 1


# --- Drafts


async def test_a_draft_needs_no_tag_and_makes_none(server: GitHubServer, github: GitHub) -> None:
    """It waits for its tag."""
    await release(github, DRAFT, "Notes", FIRST)
    assert shape(server) == [("v1.5.0-rc.1", "Notes", True, True)]
    assert "refs/tags/v1.5.0-rc.1" not in server.state.refs
    assert server.state.releases[0]["target_commitish"] == FIRST


async def test_a_draft_is_found_again_on_a_later_page(server: GitHubServer, github: GitHub, put: Put) -> None:
    """It cannot be asked for by its tag, so the whole list is read."""
    put("v1.5.0-rc.1", draft=True, prerelease=True, body="old")
    for number in range(5):
        put(f"v0.{number}.0")
    server.page_size = 2
    await release(github, DRAFT, "Notes", FIRST)
    assert server.writes == ["PATCH releases/1"]
    assert server.state.releases[0]["body"] == "Notes"


async def test_a_draft_that_is_as_it_should_be_is_left_alone(server: GitHubServer, github: GitHub) -> None:
    """A second push of the same notes tells nobody anything."""
    first = await release(github, DRAFT, "Notes", FIRST)
    assert await release(github, DRAFT, "Notes", FIRST) == first
    assert server.writes == ["POST releases"]


async def test_a_draft_moves_on_with_its_branch(server: GitHubServer, github: GitHub) -> None:
    """Published by hand its tag would be made at the newest commit."""
    await release(github, DRAFT, "Notes", FIRST)
    await release(github, DRAFT, "Notes", server.state.add_commit("newer", "first"))
    assert [each["target_commitish"] for each in server.state.releases] == [hash_of("newer")]


async def test_the_tag_publishes_the_draft(tagged: GitHubServer, github: GitHub) -> None:
    """The draft becomes the release, with the notes of the tag."""
    await release(github, DRAFT, "draft", FIRST)
    await release(github, CANDIDATE, "Notes", FIRST)
    assert shape(tagged) == [("v1.5.0-rc.1", "Notes", False, True)]
    assert tagged.writes == ["POST releases", "PATCH releases/1"]


async def test_what_is_published_is_never_a_draft_again(tagged: GitHubServer, github: GitHub) -> None:
    """A late run of the release branch leaves it as it is."""
    url = await release(github, CANDIDATE, "Notes", FIRST)
    assert await release(github, DRAFT, "late", FIRST) == url
    assert shape(tagged) == [("v1.5.0-rc.1", "Notes", False, True)]


@pytest.mark.parametrize("body", ["Notes", "same", ""], ids=["the new notes", "the same notes", "no notes"])
async def test_of_two_drafts_alike_the_first_is_kept(body: str, server: GitHubServer, github: GitHub, put: Put) -> None:
    """Two runs at once may have made them; nothing that a person wrote is lost."""
    put("v1.5.0-rc.1", draft=True, prerelease=True, body="same")
    put("v1.5.0-rc.1", draft=True, prerelease=True, body=body)
    await release(github, DRAFT, "Notes", FIRST)
    assert shape(server) == [("v1.5.0-rc.1", "Notes", True, True)]


async def test_two_drafts_with_different_texts_are_refused(server: GitHubServer, github: GitHub, put: Put) -> None:
    """A person has to say which text is meant; the message says where they are."""
    put("v1.5.0-rc.1", draft=True, body="one")
    put("v1.5.0-rc.1", draft=True, body="another")
    with pytest.raises(
        GitHubError, match=r"more than one release or draft \(https.*/1, https.*/2\): delete all but one"
    ):
        await release(github, DRAFT, "Notes", FIRST)
    assert server.writes == []


async def test_a_draft_beside_its_published_release_goes(tagged: GitHubServer, github: GitHub, put: Put) -> None:
    """The published one is kept."""
    put("v1.4.2", body="Notes")
    put("v1.4.2", body="Notes", draft=True)
    await release(github, STABLE, "Notes", FIRST)
    assert shape(tagged) == [("v1.4.2", "Notes", False, False)]


# --- The tag


async def test_without_its_tag_nothing_is_released(server: GitHubServer, github: GitHub) -> None:
    """GitHub would make the tag itself, and a version has one way to be made."""
    with pytest.raises(GitHubError, match=r"has no tag v1\.4\.2: push the tag first"):
        await release(github, STABLE, "Notes", FIRST)
    assert server.writes == []


async def test_a_tag_at_another_commit_is_refused(tagged: GitHubServer, github: GitHub) -> None:
    """Somebody moved it while the pipeline ran."""
    tagged.state.refs["refs/tags/v1.4.2"] = tagged.state.add_commit("other", "first")
    with pytest.raises(
        GitHubError, match=f"the tag v1.4.2 of {REPOSITORY} is at .*, not at {FIRST}: nothing is released"
    ):
        await release(github, STABLE, "Notes", FIRST)
    assert tagged.writes == []


async def test_an_annotated_tag_is_followed_to_its_commit(server: GitHubServer, github: GitHub) -> None:
    """Such a tag is an object of its own."""
    server.state.annotate("v1.4.2", FIRST)
    await release(github, STABLE, "Notes", FIRST)
    assert shape(server) == [("v1.4.2", "Notes", False, False)]


# --- Notes


async def test_notes_beyond_githubs_limit_are_shortened_at_a_line(tagged: GitHubServer, github: GitHub) -> None:
    """What is left out is said, and a second run changes nothing."""
    notes = "".join(f"- change number {number}\n" for number in range(10_000))
    await release(github, STABLE, notes, FIRST)
    await release(github, STABLE, notes, FIRST)
    body = tagged.state.releases[0]["body"]
    assert len(body) <= LONGEST_NOTES
    kept, _, said = body.rpartition("\n\n")
    assert notes.startswith(kept + "\n")
    assert said == "*Shortened: GitHub takes no more. The whole text is in the changelog.*\n"
    assert tagged.writes == ["POST releases"]


async def test_one_endless_line_is_shortened_too(tagged: GitHubServer, github: GitHub) -> None:
    """There is no line to end at."""
    await release(github, STABLE, "x" * (LONGEST_NOTES + 1), FIRST)
    assert len(tagged.state.releases[0]["body"]) == LONGEST_NOTES


async def test_notes_of_exactly_the_limit_stay_whole(tagged: GitHubServer, github: GitHub) -> None:
    """The limit is GitHub's own."""
    await release(github, STABLE, "x" * LONGEST_NOTES, FIRST)
    assert tagged.state.releases[0]["body"] == "x" * LONGEST_NOTES


# --- Trouble


@pytest.mark.parametrize("fault", [{"status": 502}, {"drop": True}], ids=["502", "broken connection"])
@pytest.mark.parametrize("after", [True, False], ids=["made", "not made"])
@pytest.mark.parametrize("wanted", [STABLE, DRAFT], ids=["published", "draft"])
async def test_an_answer_that_is_lost_makes_no_second_release(
    wanted: Release, after: bool, fault: dict[str, object], tagged: GitHubServer, github: GitHub
) -> None:
    """GitHub lets two drafts have one tag, so it is looked for before it is made again."""
    tagged.fail("POST .*/releases", after=after, **fault)
    await release(github, wanted, "Notes", FIRST)
    assert shape(tagged) == [(wanted.tag, "Notes", wanted.draft, wanted.prerelease)]


async def test_another_run_that_was_faster_is_no_failure(tagged: GitHubServer, github: GitHub, put: Put) -> None:
    """Both want the same, so the second brings what is there up to date."""
    tagged.fail("GET .*/releases/tags", status=404)
    put("v1.4.2", body="of the other run")
    await release(github, STABLE, "Notes", FIRST)
    assert shape(tagged) == [("v1.4.2", "Notes", False, False)]
    assert tagged.writes == ["POST releases", "PATCH releases/1"]


async def test_a_refusal_is_told(tagged: GitHubServer, github: GitHub) -> None:
    """With GitHub's reason."""
    tagged.permissions[TOKEN] = {"statuses"}
    with pytest.raises(GitHubError, match="the token needs the permission contents: write"):
        await release(github, STABLE, "Notes", FIRST)
    tagged.permissions[TOKEN] = {"contents"}
    tagged.fail(
        "POST", status=422, body=b'{"message": "Validation Failed", "errors": [{"code": "custom", "message": "no"}]}'
    )
    with pytest.raises(GitHubError, match=r"422 to POST .*: Validation Failed; no$"):
        await release(github, STABLE, "Notes", FIRST)
