"""The stage that takes a database from nothing to the current schema, and back."""

import dagger

from ci import sources
from ci.base import with_sources
from ci.services import with_postgres
from ci.stage import Step, recorded


def migrations(source: dagger.Directory, fresh: str) -> Step:
    """One head; up, no drift between models and schema, down to nothing, and up again."""
    return lambda container: (
        container.with_(with_sources(source, sources.SERVICE))
        .with_(with_postgres("migrations", fresh))
        .with_(
            recorded(
                "migrations",
                'heads=$(alembic heads) && echo "$heads" && test "$(echo "$heads" | grep -c .)" -eq 1',
                ["alembic", "upgrade", "head"],
                ["alembic", "check"],
                ["alembic", "downgrade", "base"],
                ["alembic", "upgrade", "head"],
            )
        )
    )
