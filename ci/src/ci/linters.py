"""Stages that read what is no Python: the Dockerfile, and the SQL that the migrations run."""

from typing import Final

import dagger

from ci import sources
from ci.base import with_sources
from ci.scripts import text_of
from ci.stage import Step, marked_fresh, recorded
from ci.tools import program, tools

_WRITE: Final = "/opt/ci/write_migrations.py"
_SQL: Final = "/sql"


def dockerfile(source: dagger.Directory, fresh: str) -> dagger.Container:
    """The linter of Dockerfiles finds nothing worse than a hint."""
    return (
        tools(source, "files")
        .with_(with_sources(source, ("Dockerfile",)))
        .with_(marked_fresh(fresh))
        .with_(recorded("dockerfile", ["hadolint", "--no-color", "--failure-threshold=warning", "Dockerfile"]))
    )


def sql(source: dagger.Directory) -> Step:
    """No migration locks a table that holds data for longer than a moment, or breaks what is still running."""
    return lambda container: (
        container.with_(with_sources(source, sources.MIGRATION_RULES))
        .with_file("/usr/local/bin/squawk", program(source, "files", "squawk"))
        .with_new_file(_WRITE, text_of("write_migrations.py"))
        .with_(
            recorded(
                "sql",
                ["python", _WRITE, _SQL],
                f"squawk --config=.squawk.toml --reporter=gcc {_SQL}/*.sql",
            )
        )
    )
