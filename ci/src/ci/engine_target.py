"""A target on the engine: it stands for a platform of a team's own, and is staging until there is one.

PostgreSQL and Redis run beside the service on data that lasts from one deployment to the next, on either engine; the record
of what was deployed is a table beside the service's database. Services end with the run that started them, so between
deployments the target is its data and its record, and every deployment starts what it needs.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final
from uuid import uuid4

import anyio
import dagger
from dagger import CacheSharingMode, ReturnType, dag

from ci import images, smoke
from ci.excerpt import excerpt
from ci.policy.tags import parse_digest
from ci.scripts import text_of
from ci.scripts.probe import SECONDS_TO_START
from ci.stage import Step, marked_fresh
from ci.target import PublishedImage, TargetFailed

_SECONDS_TO_STOP: Final = 30
_LINES: Final = 40
"""Of the output of a step that failed."""
_DATA: Final = "/var/lib/postgresql/data"
_CLUSTER: Final = f"{_DATA}/cluster"
_START: Final = "/opt/ci/lasting_postgres.sh"

# Made up and of no worth: only what runs in the same run of the pipeline reaches the database.
_USER: Final = "app"
_PASSWORD: Final = "for-neighbours-only"  # noqa: S105 - as above
_RECORD: Final = "postgres"


class EngineTarget:
    """The service with PostgreSQL and Redis on the engine; `name` tells targets apart, and their data."""

    def __init__(self, name: str = "staging", *, seconds_to_start: float = SECONDS_TO_START) -> None:
        self._name = name
        self._seconds = seconds_to_start
        self._begin()

    @property
    def name(self) -> str:
        """What people call it."""
        return self._name

    def _begin(self) -> None:
        # Equal services are one instance, so those of every turn differ: a second turn is another user of the data.
        self._turn = uuid4().hex
        self._database = self._lasting_postgres()
        self._cache = self._lasting_redis()
        self._service: dagger.Service | None = None

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Take the data for this deployment alone: the volume is locked while its PostgreSQL runs, and no longer."""
        self._begin()
        try:
            await self._database.start()
            await self._cache.start()
            yield
        finally:
            # The database last, since it is what the others use and what the next turn waits for.
            for service in (self._service, self._cache, self._database):
                await _stopped(service)

    async def current(self) -> str | None:
        """Read the newest line of the record."""
        digest = await self._sql("SELECT digest FROM deployments ORDER BY number DESC LIMIT 1")
        return parse_digest(digest) if digest else None

    async def record(self, digest: str) -> None:
        """Add a line to the record."""
        await self._sql(f"INSERT INTO deployments (digest) VALUES ('{parse_digest(digest)}')")  # noqa: S608 - parsed

    async def migrate(self, image: PublishedImage) -> None:
        """Run the image's migrations in a container of its own."""
        run = self._configured(image).with_exec(["sh", "-c", smoke.MIGRATE], expect=ReturnType.ANY)
        await _succeeded(run)

    async def replace(self, image: PublishedImage) -> None:
        """Stop what runs and start the image by its own command."""
        await self._stop_service()
        container = image.container
        command = await smoke.command_of(container)
        # Whether the service is ready is the probe's question, which is bounded in time and shows the log.
        for port in await container.exposed_ports():
            container = container.without_exposed_port(await port.port())
        container = self._configured(image, container.without_docker_healthcheck())
        self._service = await smoke.attended(container, command, migrate="true").start()

    async def probe(self) -> None:
        """Wait until it is ready, then create, read and delete an item."""
        if self._service is None:
            raise TargetFailed("nothing runs there")
        command = [*smoke.PROBE, "--leave-running", f"--seconds={self._seconds:g}"]
        prober = smoke.prober(self._service).with_(marked_fresh(self._fresh()))
        await _succeeded(prober.with_exec(command, expect=ReturnType.ANY))

    async def _stop_service(self) -> None:
        if self._service is not None:
            await self._service.stop()
            self._service = None

    def _fresh(self) -> str:
        """Name one use of a turn: no step of a deployment is ever taken from an earlier one."""
        return f"{self._turn}-{uuid4().hex}"

    def _configured(self, image: PublishedImage, container: dagger.Container | None = None) -> dagger.Container:
        """Give the image what the target has for it, in environment variables as everywhere."""
        return (
            (container or image.container)
            .with_env_variable("ENVIRONMENT", "staging")
            .with_env_variable("SECRET_KEY", "of no worth: this service ends with the run")
            .with_service_binding("database", self._database)
            .with_env_variable("DATABASE_URL", f"postgresql://{_USER}:{_PASSWORD}@database:5432/{_USER}")
            .with_service_binding("cache", self._cache)
            .with_env_variable("REDIS_URL", "redis://cache:6379/0")
            .with_(marked_fresh(self._fresh()))
        )

    async def _sql(self, statement: str) -> str:
        command = ["psql", "--no-psqlrc", "-v", "ON_ERROR_STOP=1", "-qAt", "-h", "database", "-U", _USER, "-d", _RECORD]
        run = (
            dag.container()
            .from_(images.POSTGRES)
            .with_env_variable("PGPASSWORD", _PASSWORD)
            .with_service_binding("database", self._database)
            .with_(marked_fresh(self._fresh()))
            .with_exec([*command, "-c", statement], expect=ReturnType.ANY)
        )
        return (await _succeeded(run)).strip()

    def _lasting_postgres(self) -> dagger.Service:
        return (
            dag.container()
            .from_(images.POSTGRES)
            .with_env_variable("POSTGRES_USER", _USER)
            .with_env_variable("POSTGRES_PASSWORD", _PASSWORD)
            .with_env_variable("PGDATA", _CLUSTER)
            .with_new_file(_START, text_of("lasting_postgres.sh"))
            .with_(lasting(_DATA, f"{self._name}-postgres"))
            .with_(marked_fresh(self._turn))
            .with_exposed_port(5432)
            .with_docker_healthcheck(
                ["pg_isready", "--host=127.0.0.1", f"--username={_USER}"], interval="250ms", timeout="5s", retries=240
            )
            .as_service(args=["sh", _START])
        )

    def _lasting_redis(self) -> dagger.Service:
        return (
            dag.container()
            .from_(images.REDIS)
            .with_(lasting("/data", f"{self._name}-redis"))
            .with_(marked_fresh(self._turn))
            .with_exposed_port(6379)
            .as_service(args=["redis-server", "--appendonly", "yes"], use_entrypoint=True)
        )


def lasting(path: str, name: str) -> Step:
    """Mount data that outlives its container, for one user at a time; another sharing mode would be other data."""
    return lambda container: container.with_mounted_cache(
        path, dag.cache_volume(f"target-{name}"), sharing=CacheSharingMode.LOCKED
    )


async def _stopped(service: dagger.Service | None) -> None:
    """Stop a service; one that cannot be stopped ends with the run, which is no reason to hide how a deployment went."""
    with anyio.move_on_after(_SECONDS_TO_STOP, shield=True), suppress(Exception):
        if service is not None:
            await service.stop()


async def _succeeded(run: dagger.Container) -> str:
    """Give what a command printed; TargetFailed with the part of it that tells when it failed."""
    code = await run.exit_code()
    if code == 0:
        return await run.stdout()
    raise TargetFailed(f"exit code {code}\n{excerpt(await run.combined_output(), max_lines=_LINES)}")
