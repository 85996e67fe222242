"""The wrapper that every stage's commands run under, run for real by sh."""

import subprocess
import time
from pathlib import Path

import pytest

from ci.outcome import Record
from ci.scripts import text_of


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """The wrapper as a file."""
    path = tmp_path / "stage.sh"
    path.write_text(text_of("stage.sh"))
    return path


def run(script: Path, *commands: str) -> subprocess.CompletedProcess[str]:
    """Run commands as the stage `demo`."""
    reports = script.parent / "reports"
    return subprocess.run(["sh", script, reports, "demo", *commands], capture_output=True, text=True, check=False)


def record_of(script: Path) -> Record:
    """Read what the wrapper recorded."""
    return Record.parse((script.parent / "reports/times/demo.json").read_text())


def log_of(script: Path) -> str:
    """Read what the wrapper kept of the output."""
    return (script.parent / "reports/logs/demo.txt").read_text()


def test_a_green_stage_leaves_its_output_times_and_exit_code(script: Path) -> None:
    """Both streams are kept, in their order, and shown while they come."""
    before = time.time()
    done = run(script, "echo out; echo err >&2")
    record = record_of(script)
    assert done.returncode == record.exit_code == 0
    assert before - 1 <= record.started <= record.ended <= time.time() + 1
    assert log_of(script) == done.stdout == "$ echo out; echo err >&2\nout\nerr\n"


def test_the_time_of_a_stage_is_that_of_its_commands(script: Path) -> None:
    """Fractions of a second count."""
    run(script, "sleep 0.2")
    assert 0.2 <= record_of(script).seconds < 5


@pytest.mark.parametrize("code", [1, 2, 127, 255])
def test_the_exit_code_of_the_command_is_that_of_the_stage(script: Path, code: int) -> None:
    """Reports survive a failure, and so does the reason."""
    done = run(script, f"echo before; exit {code}")
    assert done.returncode == record_of(script).exit_code == code
    assert "before" in log_of(script)


def test_a_stage_ends_at_the_first_command_that_fails(script: Path) -> None:
    """Later commands would speak of what the first one left."""
    assert run(script, "echo first", "exit 3", "echo never").returncode == 3
    assert log_of(script).endswith("$ exit 3\n")
    assert "first" in log_of(script)


def test_commands_do_not_wait_for_input(script: Path) -> None:
    """A tool that asks gets end-of-file."""
    assert run(script, "cat; echo done").returncode == 0
    assert log_of(script).endswith("done\n")


def test_a_killed_command_ends_the_stage_with_its_signal(script: Path) -> None:
    """An engine refuses to keep such a result, since a machine short of memory says nothing about the code."""
    assert run(script, "kill -9 $$").returncode == 137


def test_reports_that_are_there_already_stay(script: Path) -> None:
    """Two stages share the folder."""
    other = script.parent / "reports/logs/other.txt"
    other.parent.mkdir(parents=True)
    other.write_text("kept")
    run(script, "true")
    assert other.read_text() == "kept"
