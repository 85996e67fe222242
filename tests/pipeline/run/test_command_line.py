"""`ci plan` and `ci run` as a person or a workflow calls them."""

import subprocess
import sys
from pathlib import Path

from run_world import Clone

ROOT = Path(__file__).parents[3]


def ci(clone: Clone, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Call a function over the clone."""
    places = (f"--source={clone.path}", arguments[0], f"--history={clone.path}")
    command = [sys.executable, "-m", "embedded_engine.cli", "call", *places, *arguments[1:]]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_plan_is_printed(clone: Clone) -> None:
    """The event and its ref are enough."""
    done = ci(clone, "plan", "--event=push", "--ref=refs/heads/develop")
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "push to develop")
    assert "suites       full      develop is where work meets" in done.stdout


def test_what_cannot_be_read_is_one_line(clone: Clone) -> None:
    """With an exit code, and without a traceback."""
    done = ci(clone, "run", "--event=push", "--ref=refs/tags/v1.2")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].startswith("Error: version tag 'v1.2' is refused: expected X.Y.Z")
    assert "Traceback" not in done.stderr


def test_a_red_run_leaves_its_verdict_as_a_file(clone: Clone, tmp_path: Path) -> None:
    """The call succeeds: it did what it was asked to, and the job ends with the exit code in the file."""
    event = ("--event=pull_request", "--ref=refs/pull/7/merge", "--head-ref=feature/x", "--base-ref=main")
    done = ci(clone, "run", *event, "export", f"--path={tmp_path}/reports")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "reports/exit-code").read_text() == "1\n"
    assert (
        (tmp_path / "reports/annotations.txt").read_text().startswith("::error::feature/x may not be merged into main")
    )
