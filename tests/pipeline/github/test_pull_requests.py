"""Back-merge pull requests on a small GitHub, through everything that people and other runs do in between."""

import pytest

from ci.github import GitHub, GitHubError
from ci.github.pull_requests import back_merge
from ci.policy.plan import BackMerge, BackMergeKind
from github_rules import Body
from github_rules import commit as hash_of
from github_server import REPOSITORY, TOKEN, GitHubServer

WANTED = BackMerge("1.4.2", "develop", BackMergeKind.MERGE)
HEAD = "refs/heads/back-merge/v1.4.2"
URL = f"https://github.example/{REPOSITORY}/pull/1"


@pytest.fixture
def released(server: GitHubServer) -> GitHubServer:
    """A release that develop lacks, while develop went on."""
    state = server.state
    state.refs["refs/tags/v1.4.2"] = state.refs["refs/heads/main"] = state.add_commit("release", "first")
    state.refs["refs/heads/develop"] = state.add_commit("work", "first")
    return server


def pull_of(server: GitHubServer) -> Body:
    """The only pull request."""
    (pull,) = server.state.pulls
    return pull


async def test_a_release_that_the_base_lacks_gets_a_pull_request(released: GitHubServer, github: GitHub) -> None:
    """From a branch at the tag's commit, with a title that is a conventional commit's."""
    merged = await back_merge(github, WANTED)
    assert (merged.url, merged.said) == (URL, f"{URL} is open")
    assert released.state.refs[HEAD] == hash_of("release")
    pull = pull_of(released)
    assert (pull["title"], pull["head"]["ref"], pull["base"]["ref"]) == (
        "chore: merge v1.4.2 into develop",
        "back-merge/v1.4.2",
        "develop",
    )
    assert "v1.4.2 is released; `develop` lacks commits of it." in pull["body"]
    assert "conflicts" not in pull["body"]
    assert released.writes == ["POST git/refs", "POST pulls"]


async def test_a_second_run_changes_nothing(released: GitHubServer, github: GitHub) -> None:
    """The pull request is opened once."""
    await back_merge(github, WANTED)
    again = await back_merge(github, WANTED)
    assert (again.url, again.said) == (URL, f"{URL} is there already")
    assert len(released.writes) == 2


async def test_under_trunk_it_is_a_cherry_pick_to_main(released: GitHubServer, github: GitHub) -> None:
    """The branch and the title say so."""
    released.state.refs["refs/heads/main"] = released.state.add_commit("newer", "first")
    await back_merge(github, BackMerge("1.4.2", "main", BackMergeKind.CHERRY_PICK))
    pull = pull_of(released)
    assert (pull["title"], pull["head"]["ref"]) == ("chore: cherry-pick v1.4.2 into main", "cherry-pick/v1.4.2")
    assert "Squash it" in pull["body"]


async def test_an_annotated_tag_leads_to_its_commit(released: GitHubServer, github: GitHub) -> None:
    """The branch is at the commit, not at the tag's object."""
    released.state.annotate("v1.4.2", hash_of("release"))
    await back_merge(github, WANTED)
    assert released.state.refs[HEAD] == hash_of("release")


@pytest.mark.parametrize("base", ["release", "later"], ids=["the tag itself", "a commit above it"])
async def test_what_the_base_contains_is_not_brought_back(base: str, released: GitHubServer, github: GitHub) -> None:
    """Neither a branch nor a pull request is made."""
    released.state.add_commit("later", "release", "work")
    released.state.refs["refs/heads/develop"] = hash_of(base)
    merged = await back_merge(github, WANTED)
    assert (merged.url, merged.said) == ("", "develop contains v1.4.2 already")
    assert released.writes == []


async def test_a_pull_request_that_somebody_renamed_is_brought_up_to_date(
    released: GitHubServer, github: GitHub
) -> None:
    """Its title becomes the squashed commit's message, so it has to stay a conventional one."""
    await back_merge(github, WANTED)
    pull_of(released)["title"] = "something else"
    await back_merge(github, WANTED)
    assert pull_of(released)["title"] == "chore: merge v1.4.2 into develop"
    assert released.writes[2:] == ["PATCH pulls/1"]


async def test_a_merged_one_is_left_alone(released: GitHubServer, github: GitHub) -> None:
    """Squashed, say, so that the base does not contain the tag; its deleted branch is not made again."""
    await back_merge(github, WANTED)
    pull_of(released).update(state="closed", merged_at="2026-01-01T00:00:00Z")
    del released.state.refs[HEAD]
    merged = await back_merge(github, WANTED)
    assert merged.said == f"{URL} was merged"
    assert len(released.writes) == 2


async def test_one_that_a_person_closed_is_left_closed_and_said(released: GitHubServer, github: GitHub) -> None:
    """Somebody decided it; the pipeline does not decide otherwise at every run."""
    await back_merge(github, WANTED)
    pull_of(released)["state"] = "closed"
    merged = await back_merge(github, WANTED)
    assert merged.said == f"{URL} was closed by hand: develop lacks v1.4.2 until it is reopened"
    assert len(released.writes) == 2


async def test_an_open_one_counts_before_closed_ones(released: GitHubServer, github: GitHub) -> None:
    """Somebody closed the first and opened another."""
    await back_merge(github, WANTED)
    first = pull_of(released)
    first["state"] = "closed"
    released.state.pulls.append(first | {"id": 2, "number": 2, "state": "open", "html_url": f"{URL}-2", "_looks": 0})
    assert (await back_merge(github, WANTED)).url == f"{URL}-2"


# --- Conflicts


async def test_one_with_conflicts_is_opened_all_the_same_and_says_so(released: GitHubServer, github: GitHub) -> None:
    """With the commands that resolve them; GitHub knows it only after it has answered."""
    released.state.conflicting.add(("back-merge/v1.4.2", "develop"))
    released.state.looks_until_mergeable = 3
    merged = await back_merge(github, WANTED)
    assert merged.said == f"{URL} is open; it has conflicts that a person must resolve"
    assert "git switch back-merge/v1.4.2\ngit merge origin/develop\ngit push" in pull_of(released)["body"]


async def test_resolved_conflicts_are_no_longer_said(released: GitHubServer, github: GitHub) -> None:
    """A person's commit on top of the branch stays there."""
    released.state.conflicting.add(("back-merge/v1.4.2", "develop"))
    await back_merge(github, WANTED)
    released.state.conflicting.clear()
    released.state.refs[HEAD] = released.state.add_commit("resolved", "release", "work")
    assert "conflicts" not in (await back_merge(github, WANTED)).said
    assert "conflicts" not in pull_of(released)["body"]
    assert released.state.refs[HEAD] == hash_of("resolved")


async def test_what_github_never_finds_out_is_not_waited_for(released: GitHubServer, github: GitHub) -> None:
    """It is asked a few times, and the pull request is there meanwhile."""
    released.state.looks_until_mergeable = 1000
    assert (await back_merge(github, WANTED)).url == URL
    assert len(released.seen("GET pulls/1")) == 5


# --- The branch


async def test_a_branch_behind_the_tag_is_moved_forward(released: GitHubServer, github: GitHub) -> None:
    """It is at a commit of the tag's own past."""
    released.state.refs[HEAD] = hash_of("first")
    await back_merge(github, WANTED)
    assert released.state.refs[HEAD] == hash_of("release")


async def test_a_branch_with_other_commits_is_refused(released: GitHubServer, github: GitHub) -> None:
    """It is somebody else's, whatever its name."""
    released.state.refs[HEAD] = hash_of("work")
    with pytest.raises(GitHubError, match=r"back-merge/v1.4.2 has other commits than v1\.4\.2: delete or rename it"):
        await back_merge(github, WANTED)
    assert released.writes == []


async def test_without_its_tag_nothing_is_brought_back(server: GitHubServer, github: GitHub) -> None:
    """There is nothing to bring."""
    with pytest.raises(GitHubError, match=r"has no tag v1\.4\.2"):
        await back_merge(github, WANTED)


async def test_a_base_that_is_not_there_is_said(released: GitHubServer, github: GitHub) -> None:
    """Git Flow without develop, for instance."""
    del released.state.refs["refs/heads/develop"]
    with pytest.raises(GitHubError, match=r"404 to GET .*/compare/develop"):
        await back_merge(github, WANTED)


# --- Trouble


@pytest.mark.parametrize("path", ["git/refs", "pulls"])
@pytest.mark.parametrize("after", [True, False], ids=["made", "not made"])
async def test_an_answer_that_is_lost_makes_nothing_twice(
    after: bool, path: str, released: GitHubServer, github: GitHub
) -> None:
    """Branch and pull request are looked for before they are made again."""
    released.fail(f"POST .*/{path}", status=502, after=after)
    assert (await back_merge(github, WANTED)).url == URL
    assert pull_of(released)["state"] == "open"


async def test_another_run_that_was_faster_is_no_failure(released: GitHubServer, github: GitHub) -> None:
    """Both branch and pull request are there when they are about to be made."""
    await back_merge(github, WANTED)
    released.fail("GET .*/pulls\\?", status=200, body=b"[]")
    released.fail("GET .*/git/ref/heads", status=404)
    merged = await back_merge(github, WANTED)
    assert merged.said == f"{URL} is open"
    assert pull_of(released)["number"] == 1


async def test_a_base_that_catches_up_meanwhile_is_no_failure(released: GitHubServer, github: GitHub) -> None:
    """GitHub finds no commits between the two."""
    released.fail("GET .*/compare", status=200, body=b'{"status": "diverged"}')
    released.state.refs["refs/heads/develop"] = released.state.add_commit("both", "release", "work")
    merged = await back_merge(github, WANTED)
    assert (merged.url, merged.said) == ("", "develop has everything of v1.4.2 already")


async def test_a_token_that_may_open_none_is_told_what_it_needs(released: GitHubServer, github: GitHub) -> None:
    """By the header, and from the path where there is none."""
    released.permissions[TOKEN] = {"contents"}
    with pytest.raises(GitHubError, match="needs the permission pull-requests: write"):
        await back_merge(github, WANTED)
    released.fail(
        "POST .*/pulls", status=403, body=b'{"message": "GitHub Actions is not permitted to create pull requests"}'
    )
    with pytest.raises(GitHubError, match=r"not permitted .*Actions must be allowed to create pull requests"):
        await back_merge(github, WANTED)


async def test_a_refusal_of_the_branch_is_told(released: GitHubServer, github: GitHub) -> None:
    """A rule of the repository, for instance."""
    released.fail("POST .*/git/refs", status=422, body=b'{"message": "Repository rule violations found"}')
    with pytest.raises(GitHubError, match="Repository rule violations found"):
        await back_merge(github, WANTED)
