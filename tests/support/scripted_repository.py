"""A git repository whose life a test writes down: a day for each commit, versions cut by the pipeline's own programs."""

import json
import subprocess
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from itertools import dropwhile, takewhile
from pathlib import Path
from typing import Any

import pytest

from ci.scripts.versioning.__main__ import main
from ci.scripts.versioning.rules import CONFIGURATION

ROOT = Path(__file__).parents[2]
PROJECT = '[project]\nname = "app"\nversion = "{version}"\nrequires-python = ">=3.11"\n'
LOCK = 'version = 1\nrequires-python = ">=3.11"\n\n[[package]]\nname = "app"\nversion = "{version}"\nsource = {{ virtual = "." }}\n'


class RefusedError(Exception):
    """The programs refused what was asked; the text is all that they said."""


def commitizen_settings() -> str:
    """The settings of this very project."""
    lines = (ROOT / CONFIGURATION).read_text().splitlines(keepends=True)
    from_here = dropwhile(lambda line: line != "[tool.commitizen]\n", lines)
    return "".join(takewhile(lambda line: not line.startswith("# ---"), from_here))


class ScriptedRepository:
    """The repository, and what a person or the pipeline does to it."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch, version: str = "0.1.0") -> None:
        self.path = path
        self._monkeypatch = monkeypatch
        self._day = 0
        monkeypatch.chdir(path)
        for name in ("AUTHOR", "COMMITTER"):
            monkeypatch.setenv(f"GIT_{name}_NAME", "Ann")
            monkeypatch.setenv(f"GIT_{name}_EMAIL", "ann@example.com")
        monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
        monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
        self.git("init", "--quiet", "--initial-branch=main")
        (path / CONFIGURATION).write_text(f"{PROJECT.format(version=version)}\n{commitizen_settings()}")
        (path / "uv.lock").write_text(LOCK.format(version=version))
        self.git("add", ".")
        self.commit("chore: begin")

    def git(self, *arguments: str) -> str:
        """Run git; gives what it prints."""
        done = subprocess.run(["git", *arguments], cwd=self.path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def commit(self, *messages: str) -> str:
        """Commit with each message, a day apart; gives the last commit's hash."""
        for message in messages:
            self._tomorrow()
            self.git("commit", "--quiet", "--allow-empty", "--allow-empty-message", "--message", message)
        return self.git("rev-parse", "HEAD")

    def on(self, branch: str, start: str = "") -> None:
        """Check a branch out; with a start it is a new one."""
        self.git("checkout", "--quiet", *(["-b", branch, start] if start else [branch]))

    def merge(self, branch: str, message: str, whose: str = "theirs") -> None:
        """Merge a branch as GitHub does, always with a commit; where both sides changed a line, whose counts is said."""
        self._tomorrow()
        self.git("merge", "--quiet", "--no-ff", f"--strategy-option={whose}", f"--message={message}", branch)

    def tag(self, name: str) -> None:
        """Tag HEAD, as publishing a draft does."""
        self._tomorrow()
        self.git("tag", name)

    @property
    def today(self) -> str:
        """The day that the repository has come to."""
        return f"2026-{1 + (self._day - 1) // 28:02}-{1 + (self._day - 1) % 28:02}"

    @property
    def version(self) -> str:
        """What the project's files say, all of them alike."""
        lines = [line for name in (CONFIGURATION, "uv.lock") for line in (self.path / name).read_text().splitlines()]
        (version,) = {line for line in lines if line.startswith('version = "')}
        return version.split('"')[1]

    @property
    def changelog(self) -> str:
        """The changelog as it is in the tree."""
        return (self.path / "CHANGELOG.md").read_text()

    def ask(self, *arguments: str) -> str:
        """Ask the programs; RefusedError when they refuse."""
        said, refused = StringIO(), StringIO()
        with redirect_stdout(said), redirect_stderr(refused):
            code = main(list(arguments))
        assert (code != 0) == bool(refused.getvalue())
        if code:
            raise RefusedError(said.getvalue() + refused.getvalue())
        return said.getvalue()

    def cut(self, *wishes: str) -> str:
        """Cut a version; gives its tag."""
        self._tomorrow()
        made: dict[str, Any] = json.loads(self.ask("cut", f"--date={self.today}", "--path=.", *wishes))
        return f"v{made['target']}"

    def refused(self, action: Callable[[], object]) -> str:
        """Do what is refused; gives the one line, and sees that nothing has changed."""
        before = self._state()
        with pytest.raises(RefusedError) as refusal:
            action()
        assert self._state() == before
        (line,) = str(refusal.value).splitlines()
        return line

    def _state(self) -> tuple[str, ...]:
        return self.git("status", "--porcelain"), self.git("show-ref", "--head")

    def _tomorrow(self) -> None:
        self._day += 1
        for name in ("AUTHOR", "COMMITTER"):
            self._monkeypatch.setenv(f"GIT_{name}_DATE", f"{self.today}T12:00:00+00:00")
