"""Whether the database's schema is one that this release can serve from."""

from enum import StrEnum
from pathlib import Path
from typing import Final, Self

from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, column, inspect, select, table

_VERSIONS: Final = table("alembic_version", column("version_num"))


class SchemaStatus(StrEnum):
    """Where the database stands against the migrations of this release."""

    CURRENT = "current"
    BEHIND = "behind"
    # A newer release has migrated; its changes are made so that the release before can go on.
    AHEAD = "ahead"


class Migrations:
    """The migrations that are part of this release, read once from the package."""

    def __init__(self, script: ScriptDirectory) -> None:
        self._known = frozenset(revision.revision for revision in script.walk_revisions())
        self._heads = frozenset(script.get_heads())

    @classmethod
    def of_this_release(cls) -> Self:
        """Read the folder beside this module."""
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent))
        return cls(ScriptDirectory.from_config(config))

    def status(self, connection: Connection) -> SchemaStatus:
        """Compare the revision in the database with the newest of this release."""
        applied = _applied(connection)
        if applied == self._heads:
            return SchemaStatus.CURRENT
        if applied - self._known:
            return SchemaStatus.AHEAD
        return SchemaStatus.BEHIND


def _applied(connection: Connection) -> frozenset[str]:
    # Alembic's own reader writes two lines to the log, and probes come every few seconds.
    if not inspect(connection).has_table(_VERSIONS.name):
        return frozenset()
    return frozenset(connection.scalars(select(_VERSIONS.c.version_num)))
