"""The stage that starts the very image, as a service, and uses it as a client would.

Migrations, service, requests and the end of the service are one execution, the prober's: it is in the cache as a whole
or not at all, and no step of it meets a database that another run has made.
"""

from typing import Final

import dagger
from dagger import dag

from ci import images
from ci.scripts import text_of
from ci.services import with_postgres, with_redis
from ci.stage import marked_fresh, recorded, with_wrapper

_SERVICE_PORT: Final = 8000
_ATTENDANT_PORT: Final = 9099
_ATTENDANT: Final = "/opt/ci/attend.py"
_PROBE: Final = "/opt/ci/probe.py"
MIGRATE: Final = "alembic upgrade head"
"""How an image migrates its database."""

PROBE: Final = ["python", _PROBE, *(f"http://service:{port}" for port in (_SERVICE_PORT, _ATTENDANT_PORT))]
"""How the smoke test is run where `prober` has put it; options may follow."""


async def smoke(image: dagger.Container, fresh: str) -> dagger.Container:
    """The image migrates an empty database, becomes healthy and ready, stores an item, and obeys SIGTERM."""
    service = attended(
        (await patient(image))
        .with_env_variable("ENVIRONMENT", "production")
        .with_env_variable("SECRET_KEY", "of no worth: this service ends with the smoke test")
        .with_(with_postgres("smoke", fresh))
        .with_(with_redis("smoke", fresh)),
        await command_of(image),
        MIGRATE,
    )
    return prober(service).with_(with_wrapper).with_(marked_fresh(fresh)).with_(recorded("smoke", PROBE))


async def patient(image: dagger.Container) -> dagger.Container:
    """Keep the image's health check, with the time that it takes where a whole suite runs beside it."""
    check = image.docker_healthcheck()
    try:
        args, shell = await check.args(), await check.shell()
    except dagger.InvalidQueryError:
        return image  # it has none, and `build` says so
    return image.with_docker_healthcheck(
        args, shell=shell, start_period="3m", start_interval="1s", interval="5s", timeout="30s", retries=12
    )


async def command_of(image: dagger.Container) -> list[str]:
    """Name the command by which an image starts."""
    return [*await image.entrypoint(), *await image.default_args()]


def attended(container: dagger.Container, command: list[str], migrate: str) -> dagger.Service:
    """Start an image by its own command, with the attendant, which migrates first and sends SIGTERM when asked to.

    Nothing of the image changes: the attendant is mounted.
    """
    attendant = dag.directory().with_new_file("attend.py", text_of("attend.py")).file("attend.py")
    return (
        container.with_mounted_file(_ATTENDANT, attendant)
        .with_exposed_port(_ATTENDANT_PORT)
        .as_service(args=["python", _ATTENDANT, str(_ATTENDANT_PORT), migrate, "--", *command])
    )


def prober(service: dagger.Service) -> dagger.Container:
    """Have the probe beside a service that was started with the attendant; PROBE runs it."""
    return (
        dag.container()
        .from_(images.PYTHON)
        .with_new_file(_PROBE, text_of("probe.py"))
        .with_service_binding("service", service)
    )
