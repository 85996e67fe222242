"""What CI calls, on an engine: a small pipeline, with a registry and a GitHub whose state is looked at."""

from dataclasses import replace

import dagger
import pytest
from dagger import dag

from ci import images
from ci.event import Event, EventError, plan_of, situation
from ci.history import HistoryError
from ci.leave import Outside
from ci.origin import with_origin
from ci.policy.suites import Suite, stages_of
from ci.registry import push as push_image
from ci.run import run
from ci.stage import recorded, with_wrapper
from ci.succession import agree
from ci.target import TargetFailed
from github_server import GitHubServer
from run_world import Clone, SmallPipeline, World, answered, mirror, pull_request, push, small, tagged

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("connection")]


def on(clone: Clone, branch: str) -> None:
    """Check out a new branch."""
    clone.git("checkout", "-q", "-b", branch)


def published(clone: Clone) -> str:
    """Name the tag of the newest commit's image."""
    return f"sha-{clone.git('rev-parse', 'HEAD')[:7]}"


def changes(server: GitHubServer) -> list[str]:
    """What GitHub was told to change; statuses tell times, so they are set anew."""
    return [request for request in server.writes if "statuses" not in request]


async def test_a_green_pull_request_needs_nothing_from_outside(clone: Clone) -> None:
    """It runs the quick suite, without a registry and without a token."""
    on(clone, "develop")
    on(clone, "feature/login")
    clone.commit("feat: login")
    reports = await answered(clone, pull_request("feature/login", "develop"), Outside())
    assert reports.statuses == dict.fromkeys(stages_of(Suite.QUICK), "passed")
    assert (reports.exit_code, reports.summary["verdict"], reports.annotations) == (0, "passed", "")
    assert {"plan.txt", "plan.json", "index.html", "logs/lint.txt"} <= reports.files


async def test_a_red_pull_request_says_why_and_what_helps(clone: Clone, world: World, server: GitHubServer) -> None:
    """Every other stage runs all the same; the place is annotated, and the commit shows each stage with its remedy."""
    on(clone, "develop")
    on(clone, "feature/login")
    clone.commit("feat: login", **{"src__app__red-lint": ""})
    mirror(clone, server)
    reports = await answered(clone, pull_request("feature/login", "develop"), world.outside())
    assert reports.exit_code == 1
    assert reports.statuses == dict.fromkeys(stages_of(Suite.QUICK), "passed") | {"lint": "failed"}
    assert "::error title=lint failed::exit code 1%0Aci lint\n" in reports.annotations
    assert "::error file=src/app/main.py,line=1,col=5,title=lint::E999 wrong\n" in reports.annotations
    stages = {f"ci/{stage}" for stage in stages_of(Suite.QUICK)}
    assert {status["context"] for status in server.state.statuses if status["state"] == "pending"} == stages
    shown = {status["context"]: status for status in server.state.statuses}
    assert shown["ci/lint"]["state"] == "failure"
    assert "ci lint" in shown["ci/lint"]["description"]
    assert shown["ci/unit"]["state"] == "success"
    assert (world.tags, server.state.releases) == ({}, [])


async def test_a_pull_request_to_the_wrong_base_runs_nothing(clone: Clone) -> None:
    """The right base is named."""
    on(clone, "feature/login")
    reports = await answered(clone, pull_request("feature/login", "main"), Outside())
    assert (reports.exit_code, reports.statuses) == (1, {})
    assert "the base of feature/* is develop" in reports.annotations


async def test_a_fork_publishes_and_tells_nothing_even_with_secrets(
    clone: Clone, world: World, server: GitHubServer
) -> None:
    """Its pull request is tested, and neither the registry nor GitHub is asked for anything."""
    on(clone, "develop")
    on(clone, "feature/login")
    clone.commit("feat: login")
    event = pull_request("feature/login", "develop", head_repository="stranger/items")
    reports = await answered(clone, event, world.outside())
    assert (reports.exit_code, world.tags, server.requests) == (0, {}, [])


async def test_main_publishes_and_deploys_once(clone: Clone, world: World, server: GitHubServer) -> None:
    """The image says of which commit it is; the run after it finds it, builds nothing, and deploys nothing anew."""
    clone.commit("feat: items (#1)")
    mirror(clone, server)
    first = await answered(clone, push("main"), world.outside())
    assert first.outside == {"publish": "passed", "deploy": "passed"}
    assert set(world.tags) == {published(clone)}
    assert world.platform.deployed == list(world.tags.values())
    before = world.registry.blobs()
    again = await answered(clone, push("main"), world.outside())
    assert again.statuses == {"publish": "passed", "deploy": "passed"}
    assert world.registry.blobs() == before
    assert len(world.platform.deployed) == 1


async def test_a_red_stage_on_main_leaves_everything_outside_as_it_is(
    clone: Clone, world: World, server: GitHubServer
) -> None:
    """Only what passed its full suite is published."""
    clone.commit("feat: items (#1)", **{"src__app__red-smoke": ""})
    mirror(clone, server)
    reports = await answered(clone, push("main"), world.outside())
    assert reports.outside == {"publish": "skipped", "deploy": "skipped"}
    assert (reports.exit_code, world.tags, world.platform.deployed) == (1, {}, [])


async def test_a_commit_that_was_pushed_past_pull_requests_is_tested_and_not_published(
    clone: Clone, world: World
) -> None:
    """It is said, and the run is green."""
    clone.commit("feat: items")
    reports = await answered(clone, push("main"), world.outside(writes=False))
    assert (reports.exit_code, reports.outside, world.tags) == (0, {}, {})
    assert "was pushed to main without a pull request" in reports.annotations


async def test_how_a_commit_came_to_main_is_githubs_to_say(clone: Clone, world: World, server: GitHubServer) -> None:
    """A rebased pull request says nothing in its message; a message that claims one proves nothing; silence is told."""
    commit = clone.commit("feat: rebased")
    mirror(clone, server)
    known = await situation(push("main"), clone.source, clone.history)
    server.state.merged[commit] = "main"
    assert (await with_origin(known, world.outside().github)).facts.by_pull_request is True
    server.state.merged[commit] = "develop"
    assert (await with_origin(known, world.outside().github)).facts.by_pull_request is False
    server.fail("GET .*/pulls", status=403)
    silent = await with_origin(known, world.outside().github)
    assert silent.facts.by_pull_request is None
    assert "its message tells how the commit came: " in silent.warnings[0]
    claimed = clone.commit("feat: pushed (#7)")
    mirror(clone, server)
    del server.state.merged[claimed]
    known = await situation(push("main"), clone.source, clone.history)
    assert (await plan_of(known, None)).image is not None
    plan = await plan_of(await with_origin(known, world.outside().github), None)
    assert plan.image is None
    assert "was pushed to main without a pull request" in plan.warnings[0]


async def test_a_tag_promotes_what_main_published(clone: Clone, world: World, server: GitHubServer) -> None:
    """Nothing is built; tags, release and back-merge follow; a second run of the job changes nothing."""
    on(clone, "develop")
    clone.git("checkout", "-q", "main")
    clone.commit("feat: items (#1)")
    await answered(clone, push("main"), world.outside(writes=False))
    digest = world.tags[published(clone)]
    clone.git("tag", "v1.0.0")
    mirror(clone, server)
    reports = await answered(clone, tagged("v1.0.0"), world.outside())
    assert reports.statuses == {"publish": "passed", "release": "passed", "back-merge": "passed"}
    assert world.tags == dict.fromkeys(["1.0.0", "1.0", "1", "latest", published(clone)], digest)
    (release,) = server.state.releases
    assert (release["tag_name"], release["prerelease"], release["draft"]) == ("v1.0.0", False, False)
    assert "items" in release["body"]
    (pull,) = server.state.pulls
    assert (pull["head"]["ref"], pull["base"]["ref"]) == ("back-merge/v1.0.0", "develop")
    written = changes(server)
    again = await answered(clone, tagged("v1.0.0"), world.outside())
    assert (again.exit_code, changes(server)) == (0, written)


async def test_a_tag_of_an_unpublished_commit_is_tested_first(clone: Clone, world: World, server: GitHubServer) -> None:
    """A prerelease gets its own tag and no other, and is neither latest nor brought back."""
    clone.commit("feat: items (#1)")
    clone.git("tag", "v1.0.0-rc.1")
    mirror(clone, server)
    reports = await answered(clone, tagged("v1.0.0-rc.1"), world.outside())
    assert reports.statuses == dict.fromkeys([*stages_of(Suite.FULL), "scan", "publish", "release"], "passed")
    assert set(world.tags) == {"1.0.0-rc.1"}
    assert [release["prerelease"] for release in server.state.releases] == [True]


async def test_what_failed_half_way_is_finished_by_the_next_run(
    clone: Clone, world: World, server: GitHubServer
) -> None:
    """The image is out when GitHub refuses the release: it is said, what follows waits, and a rerun does the rest."""
    on(clone, "develop")
    clone.git("checkout", "-q", "main")
    clone.commit("feat: items (#1)")
    clone.git("tag", "v1.0.0")
    mirror(clone, server)
    server.fail("POST .*/releases", status=403)
    reports = await answered(clone, tagged("v1.0.0"), world.outside())
    assert reports.outside == {"publish": "passed", "release": "failed", "back-merge": "skipped"}
    assert (reports.exit_code, set(world.tags) >= {"1.0.0", "latest"}) == (1, True)
    assert "run the job again" in reports.markdown
    again = await answered(clone, tagged("v1.0.0"), world.outside())
    assert again.statuses == {"publish": "passed", "release": "passed", "back-merge": "passed"}


async def test_a_version_is_not_published_by_a_run_that_cannot_release_it(clone: Clone, world: World) -> None:
    """Without a token nothing leaves, not even the image; and the missing argument is named."""
    clone.git("tag", "v1.0.0")
    reports = await answered(clone, tagged("v1.0.0"), world.outside(writes=False))
    assert (reports.exit_code, world.tags) == (1, {})
    assert set(reports.outside.values()) == {"skipped"}
    assert "--token=env:GITHUB_TOKEN" in reports.annotations


async def test_a_registry_that_does_not_answer_is_no_empty_one(clone: Clone, world: World) -> None:
    """Nothing is published, the run is red, and it says what the registry said."""
    clone.commit("feat: items (#1)")
    silent = replace(world.outside(writes=False), registry=replace(world.images, address="localhost:9/team/app"))
    reports = await answered(clone, push("main"), silent)
    assert (reports.exit_code, reports.outside, world.tags) == (1, {}, {})
    assert "the registry did not answer, so nothing is published" in reports.annotations


async def test_a_deployment_that_fails_turns_the_run_red(clone: Clone, world: World) -> None:
    """The image stays published: its suite was green."""
    clone.commit("feat: items (#1)")
    world.platform.broken = True
    reports = await answered(clone, push("main"), world.outside(writes=False))
    assert reports.outside == {"publish": "passed", "deploy": "failed"}
    assert (reports.exit_code, set(world.tags), world.platform.deployed) == (1, {published(clone)}, [])


async def test_an_older_commit_is_not_deployed_over_a_newer_one(
    clone: Clone, world: World, server: GitHubServer
) -> None:
    """Of two merges the older one's run ends last: its clone does not have the newer one, but GitHub does."""
    older = clone.commit("feat: items (#1)")
    early = Clone(clone.path.parent / "early")
    early.git("fetch", "-q", f"file://{clone.path}", "main")
    early.git("reset", "-q", "--hard", "FETCH_HEAD")
    newer = clone.commit("feat: more items (#2)", src__app__main_py="two\n")
    mirror(clone, server)
    await answered(clone, push("main"), world.outside(writes=False))
    reports = await answered(early, push("main"), world.outside())
    assert (reports.exit_code, reports.outside) == (0, {"publish": "passed", "deploy": "left out"})
    assert f"deploy was left out: {newer[:7]} runs there, which contains {older[:7]} and 1 commit" in reports.markdown
    assert world.platform.deployed == [world.tags[f"sha-{newer[:7]}"]]
    assert {f"sha-{older[:7]}", f"sha-{newer[:7]}"} == set(world.tags)
    (deployed,) = world.platform.deployed
    with pytest.raises(TargetFailed, match="not in this history: fetch"):
        await agree(older, deployed, world.images, early.history, None)


async def test_a_release_branch_drafts_its_next_candidate(clone: Clone, world: World, server: GitHubServer) -> None:
    """The notes are a draft; no image, for the tag is what publishes it."""
    clone.git("tag", "v1.4.0")
    clone.git("tag", "v1.5.0-rc.1")
    on(clone, "release/v1.5.0")
    clone.commit("fix: the last one")
    mirror(clone, server)
    reports = await answered(clone, push("release/v1.5.0"), world.outside())
    assert reports.outside == {"release": "passed"}
    (draft,) = server.state.releases
    assert (draft["tag_name"], draft["draft"], world.tags) == ("v1.5.0-rc.2", True, {})


async def test_a_feature_branch_of_the_trunk_keeps_one_image_up_to_date(clone: Clone, world: World) -> None:
    """The quick suite, the image and its smoke test; the tag moves with the branch."""
    project = clone.path / "pyproject.toml"
    project.write_text(project.read_text().replace('model = "gitflow"', 'model = "trunk"'))
    clone.commit("chore: trunk")
    on(clone, "feat/login-button")
    clone.commit("feat: a button")
    reports = await answered(clone, push("feat/login-button"), world.outside(writes=False))
    assert reports.statuses == dict.fromkeys([*stages_of(Suite.QUICK), "build", "smoke", "publish"], "passed")
    first = dict(world.tags)
    assert set(first) == {"feat-login-button"}
    clone.commit("feat: a larger button", src__app__main_py="two\n")
    await answered(clone, push("feat/login-button"), world.outside(writes=False))
    assert set(world.tags) == {"feat-login-button"}
    assert world.tags != first


async def test_the_nightly_run_scans_what_is_published(clone: Clone, world: World) -> None:
    """Beside what could be built today: each supported version, latest and what is deployed, each image once."""

    class Scanned(SmallPipeline):
        async def rescan(self, published: dagger.Container, name: str) -> dagger.Container:
            """Red for the image that was made from a file that says `two`."""
            looked = dag.container().from_(images.PYTHON).with_(with_wrapper)
            looked = looked.with_file("/made-from", published.file("/made-from"))
            return looked.with_(recorded(name, "! grep two /made-from"))

    async def pipeline(source: dagger.Directory, revision: str) -> object:
        return Scanned(source, revision)

    for version, text in (("1.0.0", "one\n"), ("1.1.0", "two\n")):
        commit = clone.commit(f"feat: items of {version} (#1)", src__app__main_py=text)
        clone.git("tag", f"v{version}")
        await push_image(world.images, await SmallPipeline(clone.source, commit).image(), version)
    world.registry.put(world.name, "latest", world.tags["1.1.0"])
    world.platform.deployed.append(world.tags["1.0.0"])
    nightly = Event("schedule", "refs/heads/main")
    reports = await answered(clone, nightly, world.outside(writes=False), pipeline)
    assert reports.outside == {"scan-1.1.0": "failed", "scan-1.0.0": "passed"}
    assert (reports.statuses["scan"], reports.exit_code) == ("passed", 1)
    assert f"ci scan --published={world.images.address}:1.1.0" in reports.annotations
    assert {"logs/scan-1.1.0.txt", "logs/scan-1.0.0.txt"} <= reports.files
    assert [rescan["environments"] for rescan in reports.summary["plan"]["rescans"]] == [[], ["staging"]]


@pytest.mark.parametrize(
    ("event", "said"),
    [
        pytest.param(
            replace(push("main"), event="pull_request_target"), "event 'pull_request_target'", id="unknown event"
        ),
        pytest.param(replace(push("main"), ref="main"), "ref 'main' is refused", id="a ref without its kind"),
        pytest.param(push("a..b"), "branch 'a..b' is refused", id="two dots"),
        pytest.param(push("x" * 300), "at most 255 characters", id="a branch of 300 characters"),
        pytest.param(push("zweig-ä"), "ASCII", id="Unicode"),
        pytest.param(tagged("v1.2"), "version tag 'v1.2' is refused", id="half a version"),
        pytest.param(tagged("v01.2.3"), "version tag 'v01.2.3' is refused", id="a leading zero"),
        pytest.param(tagged("v1.2.3+build"), "version tag 'v1.2.3+build' is refused", id="build metadata"),
        pytest.param(push("release/1.5"), "version tag '1.5' is refused", id="a release branch without a version"),
        pytest.param(pull_request("feature/x", ""), "base ref '' is refused", id="a pull request without a base"),
        pytest.param(push("main", commit="--help"), "no commit '--help'", id="a commit that reads like an option"),
        pytest.param(push("main", commit="f" * 40), "no commit 'ffff", id="a commit that is not here"),
        pytest.param(pull_request("main", "develop"), "git fetch origin develop", id="a base that is not here"),
    ],
)
async def test_what_cannot_be_read_is_refused_in_one_line(
    clone: Clone, world: World, server: GitHubServer, event: Event, said: str
) -> None:
    """Nothing is run, and nothing outside is touched."""
    with pytest.raises((EventError, HistoryError)) as refusal:
        await run(small, clone.source, clone.history, event, world.outside())
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert (world.tags, server.requests) == ({}, [])


async def test_a_shallow_clone_is_refused(clone: Clone) -> None:
    """With the command that mends it: its tags and its merge base cannot be trusted."""
    clone.commit("feat: items (#1)")
    shallow = Clone(clone.path.parent / "shallow")
    shallow.git("fetch", "-q", "--depth=1", f"file://{clone.path}", "main")
    shallow.git("checkout", "-q", "FETCH_HEAD")
    with pytest.raises(HistoryError, match="git fetch --unshallow --tags"):
        await run(small, clone.source, shallow.history, push("main"), Outside())
