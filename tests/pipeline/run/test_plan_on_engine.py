"""What CI would do for each event, under both models, asked as a person on a laptop asks."""

import json
from dataclasses import asdict

import pytest

from ci.event import Event
from ci.plan import plan
from run_world import Clone, World, answered, pull_request, push, small, tagged

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("connection")]

GITFLOW = [
    (pull_request("feature/login", "develop"), "suites       quick "),
    (pull_request("refactor/login", "develop"), "suites       quick "),
    (pull_request("release/v1.5.0", "main"), "suites       full "),
    (Event("merge_group", "refs/heads/gh-readonly-queue/main/pr-7", base_ref="main"), "suites       full "),
    (push("develop"), "suites       full "),
    (push("release/v1.5.0"), "release      v1.5.0-rc.1 (draft) (prerelease) "),
    (push("hotfix/v1.4.1"), "suites       full "),
    (push("main"), "deploy       staging "),
    (push("feature/login"), "suites       - "),
    (Event("schedule", "refs/heads/develop"), "nightly run of develop"),
    (Event("workflow_dispatch", "refs/heads/develop", choice="quick"), "suites       quick "),
    (tagged("v1.5.0"), "back-merges  merge v1.5.0 into develop "),
    (tagged("v1.5.0-rc.1"), "release      v1.5.0-rc.1 (prerelease) "),
]
TRUNK = [
    (push("feat/login-button"), "image        build as feat-login-button (moves) "),
    (pull_request("feat/login-button", "main"), "suites       quick "),
    (push("main"), "deploy       staging "),
    (tagged("v1.5.0"), "release      v1.5.0 (latest) "),
    (push("hotfix/v1.4.1"), "suites       full "),
]


def case(event: Event) -> str:
    """Name a case."""
    return f"{event.event} {event.head_ref or event.ref.removeprefix('refs/')}"


@pytest.fixture
def project(clone: Clone) -> Clone:
    """A repository with both lasting branches and a merged pull request."""
    clone.git("tag", "v1.4.0")
    clone.git("branch", "develop")
    clone.commit("feat: items (#1)")
    return clone


@pytest.mark.parametrize(("event", "line"), GITFLOW, ids=[case(event) for event, _ in GITFLOW])
async def test_git_flow(project: Clone, event: Event, line: str) -> None:
    """Without a registry, a token, or a checked-out branch of that name."""
    assert line in await plan(project.source, project.history, event, None, False)


@pytest.mark.parametrize(("event", "line"), TRUNK, ids=[case(event) for event, _ in TRUNK])
async def test_trunk(project: Clone, event: Event, line: str) -> None:
    """The model is the project's choice."""
    trunk = project.source.with_new_file("pyproject.toml", '[tool.ci]\nmodel = "trunk"\n')
    assert line in await plan(trunk, project.history, event, None, False)


async def test_where_no_registry_is_asked_the_plan_says_so(project: Clone) -> None:
    """It is planned as if nothing were published."""
    text = await plan(project.source, project.history, push("main"), None, False)
    assert "warning: no registry was given: planned as if it were empty\n" in text
    assert "no registry" not in await plan(project.source, project.history, push("develop"), None, False)


async def test_a_registry_is_asked_and_nothing_is_written(project: Clone, world: World) -> None:
    """What is published is promoted; what never was stays unpublished."""
    document = json.loads(await plan(project.source, project.history, push("main"), world.images, True))
    assert document["image"]["promotes"] is None
    assert world.tags == {}
    await answered(project, push("main"), world.outside(writes=False), small)
    document = json.loads(await plan(project.source, project.history, push("main"), world.images, True))
    assert document["image"]["promotes"] == next(iter(world.tags.values()))


async def test_a_push_says_what_it_brought_by_what_the_branch_was(project: Clone) -> None:
    """Several commits of which the newest names no pull request were pushed past it."""
    before = project.git("rev-parse", "HEAD")
    project.commit("fix: by hand")
    text = await plan(project.source, project.history, Event(**asdict(push("main")) | {"before": before}), None, False)
    assert "was pushed to main without a pull request" in text
