"""The wrapper that every stage's commands run under, run for real by sh."""

import subprocess
import sys
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


def test_a_stage_that_takes_too_long_is_ended_and_says_so(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With an exit code that no engine keeps, so that the next run tries again; what was printed before is there."""
    monkeypatch.setenv("CI_SECONDS", "1")
    done = run(script, "echo before; sleep 30", "echo never")
    assert done.returncode == record_of(script).exit_code == 143
    assert log_of(script).splitlines()[1:] == ["before", "ended after 1 s, the time that this stage may take"]


def test_commands_share_the_time_of_their_stage(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """None of them begins a new one."""
    monkeypatch.setenv("CI_SECONDS", "2")
    assert run(script, "sleep 1", "sleep 1.5").returncode == 143


@pytest.mark.parametrize("code", [124, 137])
def test_a_command_that_ends_like_one_out_of_time_is_no_such_thing(
    script: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """Its own exit code stays."""
    monkeypatch.setenv("CI_SECONDS", "60")
    assert run(script, f"exit {code}").returncode == code


def test_a_process_that_wants_too_much_memory_is_refused(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It learns that there is none, and the machine keeps its own."""
    monkeypatch.setenv("CI_MEGABYTES", "256")
    hungry = f"{sys.executable} -c 'bytearray(1 << 30)'"
    assert run(script, hungry).returncode == 1
    assert "MemoryError" in log_of(script)
