"""The stages that read what is no Python, on an engine, over this repository with faults put into it."""

import subprocess
from functools import partial
from pathlib import Path

import dagger
import pytest
from dagger import dag

from ci import base, linters, sources
from ci.outcome import Status
from ci.secret_scan import secrets
from ci.stage import Result, carry_out

pytestmark = pytest.mark.asyncio(loop_scope="module")

# A key that no service ever gave out, put together here so that this file has none.
KEY = "AKIA" + "Z7QXK2M4VN6PT3WD"

MIGRATION = '''"""Stock. Made by a test."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a column that every row must have at once, and an index that locks the table meanwhile."""
    op.add_column("items", sa.Column("stock", sa.Integer(), nullable=False))
    op.create_index("ix_items_stock", "items", ["stock"])


def downgrade() -> None:
    """Take both away."""
    op.drop_column("items", "stock")
'''


async def test_a_dockerfile_that_pins_nothing_is_red(source: dagger.Directory) -> None:
    """The linter names the rule and the line."""
    faulty = source.with_new_file("Dockerfile", "FROM debian\nRUN cd /tmp && apt-get install curl\n")
    result = await carry_out("dockerfile", partial(linters.dockerfile, faulty, ""))
    assert result.outcome.status is Status.FAILED
    assert "Dockerfile:1 DL3006 warning" in result.outcome.excerpt


async def test_the_dockerfile_of_this_repository_is_green(source: dagger.Directory) -> None:
    """It keeps the rules."""
    assert (await carry_out("dockerfile", partial(linters.dockerfile, source, ""))).outcome.passed


async def linted(source: dagger.Directory) -> Result:
    """Carry the stage out as a suite does."""
    return await carry_out("sql", lambda: base.base(source).with_(linters.sql(source)))


async def test_a_migration_that_locks_a_table_with_data_is_red(source: dagger.Directory) -> None:
    """Each migration is read by itself: for the first one, which makes the table, the same index is harmless."""
    result = await linted(source.with_new_file(f"{sources.MIGRATIONS}/0002_stock.py", MIGRATION))
    assert result.outcome.status is Status.FAILED
    assert "adding-required-field" in result.outcome.excerpt
    assert "require-concurrent-index-creation" in result.outcome.excerpt
    assert "/sql/0001.sql" not in result.outcome.excerpt.partition("squawk")[2].partition("\n")[2]


async def test_the_migrations_of_this_repository_are_green(source: dagger.Directory) -> None:
    """They keep the rules."""
    assert (await linted(source)).outcome.passed


def git(path: Path, *arguments: str) -> None:
    """Run git as nobody in particular."""
    who = ("-c", "user.name=Ann", "-c", "user.email=ann@example.com")
    subprocess.run(["git", *who, *arguments], cwd=path, check=True, capture_output=True)


def commit(path: Path, file: str, text: str, message: str) -> None:
    """Write a file and commit it."""
    (path / file).write_text(text)
    git(path, "add", ".")
    git(path, "commit", "--quiet", f"--message={message}")


@pytest.fixture
def repository(tmp_path: Path, connection: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a branch that left main."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    commit(tmp_path, "pyproject.toml", '[project]\nname = "app"\n', "feat: begin")
    git(tmp_path, "checkout", "--quiet", "-b", "feature/change")
    return tmp_path


async def searched(path: Path) -> Result:
    """Carry the stage out as a suite does."""
    host = dag.host()
    source = host.directory(str(path), exclude=sources.IGNORED, no_cache=True)
    history = host.directory(str(path), exclude=sources.HISTORY_IGNORED, no_cache=True)
    return await carry_out("secrets", partial(secrets, source, history, ""))


async def test_a_secret_that_a_later_commit_took_out_is_found_and_not_shown(repository: Path) -> None:
    """It is in the history for good; what was on main before the branch is not this branch's doing."""
    commit(repository, "settings.py", f'KEY = "{KEY}"\n', "feat: a key")
    commit(repository, "settings.py", "KEY = None\n", "fix: no key")
    result = await searched(repository)
    assert result.outcome.status is Status.FAILED
    assert "settings.py" in result.outcome.excerpt
    assert KEY not in result.outcome.excerpt

    git(repository, "branch", "--force", "main", "HEAD")
    commit(repository, "settings.py", "KEY = 1\n", "feat: more")
    assert (await searched(repository)).outcome.passed


async def test_what_is_no_secret_is_said_in_the_file_or_in_the_rules(repository: Path) -> None:
    """By a word on its line, or by a rule for all places."""
    commit(repository, "one.py", f'KEY = "{KEY}"  # gitleaks:allow\n', "feat: an example")
    commit(repository, "two.py", f'KEY = "{KEY}"\n', "feat: another one")
    rules = f"[extend]\nuseDefault = true\n\n[allowlist]\nregexes = ['{KEY}']\n"
    commit(repository, ".gitleaks.toml", rules, "chore: examples are no secrets")
    assert (await searched(repository)).outcome.passed


async def test_a_secret_that_is_not_committed_yet_is_found(repository: Path) -> None:
    """Before the push is when it can still be kept."""
    (repository / "pyproject.toml").write_text(f'[project]\nname = "app"\ndescription = "{KEY}"\n')
    result = await searched(repository)
    assert result.outcome.status is Status.FAILED
    assert "pyproject.toml" in result.outcome.excerpt
