"""This very project from a merge to its release: everything real but the platform and the advisories."""

import json
import shutil
from pathlib import Path
from typing import Any

import dagger
import pytest
from dagger import dag

from ci import Ci, audit, images, scan
from ci.audit import Advisories
from ci.plan import plan
from ci.policy.suites import Suite, stages_of
from ci.sources import ALLOWED
from ci.stage import stage
from github_server import GitHubServer
from run_world import Clone, World, answered, mirror, pull_request, push, tagged

ROOT = Path(__file__).parents[3]
OSV = ROOT / "tests/support/osv_service.py"
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("connection")]

Base: Any = Ci  # the SDK's decorators hide the constructor from type checkers


class Project(Base):  # type: ignore[misc]  # as above
    """The project's own functions; its dependencies are asked about where nothing is known of any of them."""

    @stage
    async def audit(self) -> dagger.Container:
        """No vulnerability."""
        service = (
            dag.container()
            .from_(images.PYTHON)
            .with_new_file("/osv.py", OSV.read_text())
            .with_new_file("/known.json", "[]")
            .with_exposed_port(8080)
            .as_service(args=["python", "/osv.py", "8080", "/known.json"])
        )
        reached = Advisories("http://osv:8080", lambda container: container.with_service_binding("osv", service))
        return await audit.audit(self.source, self.fresh, reached)

    @stage
    async def scan(self) -> dagger.Container:
        """No vulnerability, says a scanner that finds none: its makers' image is not reached from everywhere."""
        program = "#!/bin/sh\necho '{}' >/trivy.json\n"
        scanner = dag.directory().with_new_file("trivy", program).file("trivy")
        return await scan.scan(self.source, await self.image(), self.fresh, lambda: scanner)


async def project(source: dagger.Directory, revision: str) -> object:
    """Make it, as the module's own method does."""
    return await Project(source=source, revision=revision)._prepared()


@pytest.fixture
def whole(clone: Clone) -> Clone:
    """A clone with what the stages see of this project."""
    for path in ALLOWED:
        place = clone.path / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / path).is_dir():
            shutil.copytree(ROOT / path, place, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
        elif (ROOT / path).exists():
            shutil.copy2(ROOT / path, place)
    return clone


async def test_from_a_merge_to_a_release(whole: Clone, world: World, server: GitHubServer) -> None:
    """Main publishes the very image that was tested; its tag promotes that digest, and builds nothing."""
    merged = whole.commit("feat: items (#1)")
    reports = await answered(whole, push("main"), world.outside(writes=False), project)
    assert reports.statuses == dict.fromkeys([*stages_of(Suite.FULL), "scan", "publish", "deploy"], "passed"), (
        reports.markdown
    )
    ((tag, digest),) = world.tags.items()
    assert tag == f"sha-{merged[:7]}"
    configuration = json.loads(world.registry.content(json.loads(world.registry.content(digest))["config"]["digest"]))
    assert configuration["config"]["Labels"]["org.opencontainers.image.revision"] == merged
    assert {"junit/unit.xml", "sarif/audit.sarif", "sarif/scan.sarif", "coverage/coverage.xml"} <= reports.files

    whole.git("tag", "v1.0.0")
    whole.git("branch", "develop", "HEAD~1")
    mirror(whole, server)
    reports = await answered(whole, tagged("v1.0.0"), world.outside(), project)
    assert reports.statuses == dict.fromkeys(["publish", "release", "back-merge"], "passed"), reports.markdown
    assert world.tags == dict.fromkeys(["1.0.0", "1.0", "1", "latest", tag], digest)


async def test_a_refactoring_that_is_none_is_told_everything_at_once(whole: Clone) -> None:
    """A feature, a new migration and a changed OpenAPI document: its pull request fails before anything is run."""
    whole.commit("chore: a service")
    whole.git("checkout", "-q", "-b", "develop")
    whole.git("checkout", "-q", "-b", "refactor/items")
    unchanged = await plan(
        whole.source, whole.history, pull_request("refactor/items", "develop", title=""), None, False
    )
    assert "fails:" not in unchanged
    routes = whole.path / "src/app/main.py"
    routes.write_text(routes.read_text().replace('title="', 'title="Other ', 1))
    whole.commit("feat: more items", src__app__migrations__versions__0002_more_py="")
    event = pull_request("refactor/items", "develop", title="refactor: items")
    text = await plan(whole.source, whole.history, event, None, False)
    assert [line for line in text.splitlines() if line.startswith("fails:")] == [
        "fails: refactor/items promises the same behaviour, but 'feat: more items' is a feature",
        "fails: refactor/items promises the same behaviour, but the OpenAPI document changes",
        "fails: refactor/items promises the same behaviour, but 'src/app/migrations/versions/0002_more.py' is a new migration",
    ]
