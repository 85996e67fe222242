"""The copy of a repository that the pipeline is measured in."""

import subprocess
from pathlib import Path

from embedded_engine.bench.commands import copied


def git(folder: Path, *words: str) -> str:
    """What git says."""
    command = ["git", "-C", str(folder), "-c", "user.name=test", "-c", "user.email=test@example.org", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_the_copy_is_the_repository_as_it_is_now(tmp_path: Path) -> None:
    """It has the history, what is changed, new and removed since, and nothing that git ignores; then it is gone."""
    git(tmp_path, "init", "-q", "repository")
    repository = tmp_path / "repository"
    for name in ("kept", "changed", "removed"):
        (repository / name).write_text("committed")
    (repository / ".gitignore").write_text("ignored\n")
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "feat: begin")
    (repository / "changed").write_text("changed")
    (repository / "removed").unlink()
    (repository / "folder").mkdir()
    (repository / "folder" / "new").write_text("new")
    (repository / "ignored").write_text("ignored")
    with copied(repository) as copy:
        assert git(copy, "log", "--format=%s") == "feat: begin\n"
        found = {str(path.relative_to(copy)) for path in copy.rglob("*") if path.is_file()}
        assert {name for name in found if not name.startswith(".git/")} == {
            ".gitignore",
            "changed",
            "folder/new",
            "kept",
        }
        assert (copy / "changed").read_text() == "changed"
    assert not copy.exists()
