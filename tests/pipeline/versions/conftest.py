"""A repository to write a life into."""

from pathlib import Path

import pytest

from scripted_repository import ScriptedRepository


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ScriptedRepository:
    """A repository on main with one commit, at 0.1.0, without a tag."""
    return ScriptedRepository(tmp_path, monkeypatch)
