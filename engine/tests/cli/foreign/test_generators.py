"""Generators of such a module: what they are, and what they change."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_generators_are_listed(call: Run) -> None:
    """`-l` lists names and what they do, and runs nothing."""
    ran = call("generate", "-l")
    assert ran.stdout == "Name   Description\ncode   Write the code.\ndocs   Write the docs.\n"


def test_generators_change_the_working_tree(ci: Run, foreign: Path, tmp_path: Path) -> None:
    """What they change is shown; it is brought to where the command was given, unless it was only to be shown."""
    (tmp_path / "old.md").write_text("old")
    words = ("-m", str(foreign), "generate")
    shown = ci(*words, "docs", "--dry-run", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert re.search(r"^\+ new\.md +\+2 -0\n- old\.md", shown.stdout, re.MULTILINE)
    assert [each.name for each in tmp_path.iterdir()] == ["old.md"]
    applied = ci(*words, cwd=tmp_path)
    assert applied.returncode == 0, applied.stderr
    assert (tmp_path / "new.md").read_text() == "one\ntwo\n"
    assert (tmp_path / "code" / "made.py").read_text() == "made = 1\n"
    assert not (tmp_path / "old.md").exists()


def test_unknown_generator_is_refused(call: Run) -> None:
    """A name that no generator has is an error with a suggestion; a check is none."""
    assert "no generator is named 'doc'; did you mean 'docs'?" in call("generate", "doc").stderr
    assert "no generator is named 'good'" in call("generate", "good").stderr
