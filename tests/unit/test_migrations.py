"""Migrations as far as they need no server: one line of history, its SQL, and how a database stands against it."""

import socket
from io import StringIO
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, pool, text

from app.migrations.status import Migrations, SchemaStatus

ROOT = Path(__file__).parents[2]


@pytest.fixture
def config() -> Config:
    """The configuration as the command line reads it, its output kept."""
    return Config(ROOT / "alembic.ini", output_buffer=StringIO())


def sql_of(config: Config) -> str:
    """What the commands have printed."""
    assert isinstance(config.output_buffer, StringIO)
    return config.output_buffer.getvalue()


def test_history_is_one_line(config: Config) -> None:
    """There is one head: two branches that were merged at the same time would need an order."""
    script = ScriptDirectory.from_config(config)
    assert len(script.get_heads()) == 1
    assert all(len(revision.nextrev) <= 1 for revision in script.walk_revisions())


def test_no_statement_waits_long_for_a_lock(config: Config) -> None:
    """The limit is set before anything else, so that a busy table stops the migration and not the service."""
    command.upgrade(config, "head", sql=True)
    statements = [line for line in sql_of(config).splitlines() if line]
    assert statements[:2] == ["BEGIN;", "SET lock_timeout = '5s';"]
    assert any(line.startswith("CREATE TABLE items") for line in statements)


def test_every_step_has_a_way_back(config: Config) -> None:
    """Downgrading drops what upgrading has created."""
    command.downgrade(config, "head:base", sql=True)
    assert "DROP TABLE items;" in sql_of(config)


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        pytest.param({}, "DATABASE_URL is not set", id="no database"),
        pytest.param({"DATABASE_URL": "mysql://host/items"}, "DATABASE_URL must be", id="another database"),
    ],
)
def test_without_a_usable_database_migrations_say_so(
    config: Config, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], reason: str
) -> None:
    """What is wrong with DATABASE_URL is one line, without a traceback."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit, match=reason):
        command.upgrade(config, "head")


def test_a_database_that_is_down_is_one_line(config: Config) -> None:
    """A server that does not answer ends the command, without a traceback."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        config.set_main_option("sqlalchemy.url", f"postgresql+asyncpg://127.0.0.1:{reserved.getsockname()[1]}/items")
        with pytest.raises(SystemExit, match="cannot be reached"):
            command.upgrade(config, "head")


@pytest.mark.parametrize(
    ("applied", "status"),
    [
        pytest.param(None, SchemaStatus.BEHIND, id="nothing was migrated"),
        pytest.param("head", SchemaStatus.CURRENT, id="at the newest"),
        pytest.param("ffff", SchemaStatus.AHEAD, id="a newer release has migrated"),
    ],
)
def test_tells_how_a_database_stands(config: Config, applied: str | None, status: SchemaStatus) -> None:
    """Only a database that lacks a migration of this release is behind; one that has more was made ready for it."""
    engine = create_engine("sqlite://", poolclass=pool.StaticPool)
    with engine.connect() as connection:
        if applied is not None:
            revision = ScriptDirectory.from_config(config).get_current_head() if applied == "head" else applied
            note_revision(connection, revision)
        assert Migrations.of_this_release().status(connection) is status
    engine.dispose()


def note_revision(connection: Connection, revision: str | None) -> None:
    """Note a revision where Alembic does."""
    connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
    connection.execute(text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": revision})
