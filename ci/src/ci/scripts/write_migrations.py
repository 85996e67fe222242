"""Writes the SQL of every migration to a file of its own, without a database: `python write_migrations.py FOLDER`.

One file for each, because what is harmless for a table that the same script has made is not for one that holds data.
"""

import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory


def main() -> None:
    """Write them, named by their revision."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    config = Config("alembic.ini")
    for revision in ScriptDirectory.from_config(config).walk_revisions():
        parents = revision.down_revision
        before = parents if isinstance(parents, str) else next(iter(parents or ()), "base")
        with (folder / f"{revision.revision}.sql").open("w", encoding="utf-8") as output:
            config.output_buffer = output
            command.upgrade(config, f"{before}:{revision.revision}", sql=True)


if __name__ == "__main__":
    main()
