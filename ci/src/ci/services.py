"""The disposable services that stages run against.

Equal services are one instance on either engine, so each stage's differ by construction: by the stage's name, and by
the name of a fresh run.
"""

from typing import Final

import dagger
from dagger import dag

from ci import images
from ci.stage import Step, marked_fresh

# Made up and of no worth: the database holds nothing and ends with the stage.
_USER: Final = "app"
_PASSWORD: Final = "disposable"  # noqa: S105 - as above


def postgres(stage: str, fresh: str) -> dagger.Service:
    """An empty PostgreSQL whose database has the stage's name; ready when it answers over TCP."""
    return (
        dag.container()
        .from_(images.POSTGRES)
        .with_env_variable("POSTGRES_USER", _USER)
        .with_env_variable("POSTGRES_PASSWORD", _PASSWORD)
        .with_env_variable("POSTGRES_DB", stage)
        .with_(marked_fresh(fresh))
        .with_exposed_port(5432)
        .with_docker_healthcheck(
            ["pg_isready", "--host=127.0.0.1", f"--username={_USER}", f"--dbname={stage}"],
            interval="250ms",
            timeout="5s",
            retries=240,
        )
        .as_service(
            # Nothing that it writes has to survive it.
            args=["postgres", "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"],
            use_entrypoint=True,
        )
    )


def redis(stage: str, fresh: str) -> dagger.Service:
    """An empty Redis that keeps nothing on disk; ready when its port accepts."""
    return (
        dag.container()
        .from_(images.REDIS)
        .with_env_variable("CI_STAGE", stage)
        .with_(marked_fresh(fresh))
        .with_exposed_port(6379)
        .as_service(args=["redis-server", "--save", "", "--appendonly", "no"], use_entrypoint=True)
    )


def database_url(stage: str, address: str) -> str:
    """How to reach the stage's database where `address` (host and port) leads to its PostgreSQL."""
    return f"postgresql://{_USER}:{_PASSWORD}@{address}/{stage}"


def with_postgres(stage: str, fresh: str) -> Step:
    """Bind a PostgreSQL of the stage's own, and say in DATABASE_URL where it is."""
    return lambda container: container.with_service_binding("database", postgres(stage, fresh)).with_env_variable(
        "DATABASE_URL", database_url(stage, "database:5432")
    )


def with_redis(stage: str, fresh: str) -> Step:
    """Bind a Redis of the stage's own, and say in REDIS_URL where it is."""
    return lambda container: container.with_service_binding("cache", redis(stage, fresh)).with_env_variable(
        "REDIS_URL", "redis://cache:6379/0"
    )
