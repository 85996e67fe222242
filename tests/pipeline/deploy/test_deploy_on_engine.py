"""Deployments to the target on the engine, of images that are really different, from a registry with a login."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagger
import pytest
import pytest_asyncio
from dagger import dag

from ci import Ci, sources
from ci.deploy import Deployment, Ending, deploy
from ci.engine_target import EngineTarget, lasting
from ci.images import POSTGRES
from ci.registry import Repository
from ci.target import PublishedImage, TargetFailed
from registry import PASSWORD, USERNAME, running_registry

ROOT = Path(__file__).parents[3]
ABSENT = f"sha256:{'0' * 64}"
pytestmark = pytest.mark.asyncio(loop_scope="module")

# Answers well until it is really used, or never becomes ready.
SERVER = """
import os, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(503 if self.path == "/ready" and sys.argv[1] == "unready" else 200)
        self.end_headers()

    def do_POST(self):
        print("this is more than I can take", flush=True)
        os._exit(3)

    def log_message(self, *_):
        pass

ThreadingHTTPServer(("", 8000), Handler).serve_forever()
"""
# Its first statement must not stay when its second fails.
MIGRATION = '''
"""Made by a test."""

import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "0001"


def upgrade() -> None:
    op.create_table("half", sa.Column("id", sa.Integer))
    op.execute("SELECT * FROM no_such_table")
'''


@dataclass(frozen=True)
class Images:
    """Digests in a registry."""

    repository: Repository
    good: str
    better: str
    unready: str
    fragile: str
    broken_migration: str


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def images(engine_session: None, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Images]:
    """The service's image, another that is as good, and three that are not, each in its own way."""
    async with dagger.connection():
        with running_registry(tmp_path_factory.mktemp("registry"), locked=True) as registry:
            service = dag.host().service([dagger.PortForward(backend=registry.port, frontend=registry.port)])
            secret = dag.set_secret("deploy-registry-password", PASSWORD)
            address = f"localhost:{registry.port}/team/items"
            repository = Repository(address, USERNAME, secret, service)
            yield Images(repository, *[await _pushed(repository, image) for image in await _variants()])


async def _variants() -> list[dagger.Container]:
    make: Any = Ci
    source = dag.host().directory(str(ROOT), exclude=sources.IGNORED, no_cache=True)
    good: dagger.Container = await make(source=source).image()
    other = good.with_new_file("/app/other.py", SERVER)
    return [
        good,
        good.with_label("org.opencontainers.image.version", "better"),
        other.with_default_args(["python", "/app/other.py", "unready"]),
        other.with_default_args(["python", "/app/other.py", "fragile"]),
        good.with_new_file("/app/lib/app/migrations/versions/9999_made_by_a_test.py", MIGRATION),
    ]


async def _pushed(repository: Repository, image: dagger.Container) -> str:
    assert repository.password is not None
    # Not compressed: that would take longer than everything else here.
    reference = await image.with_registry_auth(repository.host, repository.username, repository.password).publish(
        repository.named("test"),
        registry_service=repository.service,
        forced_compression=dagger.ImageLayerCompression.Uncompressed,
    )
    return reference.rpartition("@")[2]


class ImpatientTarget(EngineTarget):
    """A target that waits as long as a busy machine may take, but not for the image that never becomes ready."""

    def __init__(self, name: str, hopeless: str) -> None:
        super().__init__(name, seconds_to_start=120)
        self._hopeless = hopeless

    async def replace(self, image: PublishedImage) -> None:
        """Start the image."""
        self._seconds = 8 if image.digest == self._hopeless else 120
        await super().replace(image)


@pytest_asyncio.fixture(loop_scope="module")
async def target(images: Images) -> AsyncIterator[EngineTarget]:
    """A target that nobody has used."""
    made = EngineTarget(f"test-{uuid4().hex[:8]}", seconds_to_start=120)
    yield made
    # Its data would stay in the engine's store for good.
    emptied = dag.container().from_(POSTGRES).with_(lasting("/data", f"{made.name}-postgres"))
    await emptied.with_env_variable("TARGET", made.name).with_exec(["sh", "-c", "rm -rf /data/*"]).sync()


async def test_a_target_from_its_first_deployment_on(images: Images, target: EngineTarget) -> None:
    """What is bad is never recorded, what was good comes back, and everything lasts from one deployment to the next."""

    async def deployed(digest: str) -> Deployment:
        # A new object each time: what lasts is on the engine.
        return await deploy(images.repository, digest, ImpatientTarget(target.name, images.unready))

    assert await deployed(images.good) == Deployment(target.name, images.good, Ending.DEPLOYED)
    assert (await deployed(images.good)).ending is Ending.UNCHANGED

    unready = await deployed(images.unready)
    assert (unready.ending, unready.previous) == (Ending.ROLLED_BACK, images.good)
    assert "its smoke test failed: exit code 1\nok    /health answers" in unready.reason
    assert "/ready did not answer 200 within 8 s; last: 503" in unready.reason

    fragile = await deployed(images.fragile)
    assert (fragile.ending, fragile.previous) == (Ending.ROLLED_BACK, images.good)
    assert "its smoke test failed" in fragile.reason

    broken = await deployed(images.broken_migration)
    assert (broken.ending, broken.previous) == (Ending.ROLLED_BACK, images.good)
    assert "its migrations failed: exit code 1" in broken.reason
    assert 'relation "no_such_table" does not exist' in broken.reason


async def test_a_way_back_that_is_gone_is_told_with_both_reasons(images: Images, target: EngineTarget) -> None:
    """The image before was removed from the registry."""
    async with target.turn():
        await target.record(ABSENT)
    deployment = await deploy(images.repository, images.broken_migration, target)
    assert deployment.ending is Ending.ROLL_BACK_FAILED
    assert "its migrations failed" in deployment.describe()
    assert f"@{ABSENT} cannot be had from the registry" in deployment.describe()


async def test_an_image_that_the_registry_lacks_touches_nothing(images: Images, target: EngineTarget) -> None:
    """The message names it."""
    with pytest.raises(TargetFailed, match=f"@{ABSENT} cannot be had from the registry"):
        await deploy(images.repository, ABSENT, target)
    async with target.turn():
        assert await target.current() is None


async def test_what_a_killed_run_leaves_harms_no_later_one(images: Images, target: EngineTarget) -> None:
    """Half of a first start is made anew; a database that was killed has what it had."""
    half = "mkdir -p /data/cluster && echo 17 >/data/cluster/PG_VERSION"
    left = dag.container().from_(POSTGRES).with_(lasting("/data", f"{target.name}-postgres"))
    await left.with_exec(["sh", "-c", half]).sync()
    async with target.turn():
        assert await target.current() is None
        await target.record(images.good)
        await target._database.stop(kill=True)
    async with target.turn():
        assert await target.current() == images.good


async def test_two_deployments_at_once_take_turns(images: Images, target: EngineTarget) -> None:
    """One waits until the other has ended, and finds what it left."""
    two = await asyncio.gather(
        deploy(images.repository, images.good, EngineTarget(target.name)),
        deploy(images.repository, images.better, EngineTarget(target.name)),
    )
    assert [each.ending for each in two] == [Ending.DEPLOYED, Ending.DEPLOYED]
    assert {each.previous for each in two} in ({None, images.good}, {None, images.better})
