"""The same containers with crun, which needs control groups of version 2 and nothing else at their place."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from embedded_engine.sandbox.doctor import probe
from embedded_engine.sandbox.runtime import VARIABLE

# A machine with both versions can show the second alone in a mount namespace. The controllers stay with the first.
UNIFIED = (
    "unshare",
    "-m",
    "sh",
    "-ec",
    'umount -l /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup; exec "$@"',
    "sh",
)


@pytest.fixture
def unified() -> list[str]:
    """How a command is started where crun runs; skips with the reason where nothing makes it run."""
    if os.geteuid() != 0:
        pytest.skip("the sandbox is tried as root here")
    if shutil.which("crun") is None:
        pytest.skip("crun is not installed (apt-get install crun)")
    if (Path("/sys/fs/cgroup") / "cgroup.controllers").exists():
        return []
    tried = subprocess.run([*UNIFIED, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"crun needs cgroup v2, which this machine does not show: {tried.stderr.strip()}")
    return list(UNIFIED)


def test_containers_run_with_crun(unified: list[str]) -> None:
    """Everything that is true of a container's run is true with crun as well."""
    tests = Path(__file__).with_name("test_run.py")
    left_out = "not out_of_memory" if unified else ""
    command = [*unified, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", left_out, str(tests)]
    ended = subprocess.run(command, env={**os.environ, VARIABLE: "crun"}, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout[-5000:]
    assert " passed" in ended.stdout


def test_the_doctor_says_whether_crun_runs(tmp_path: Path) -> None:
    """Beside runc it is no fault that crun does not run, and the reason is told."""
    if shutil.which("crun") is None or shutil.which("runc") is None:
        pytest.skip("takes runc and crun (apt-get install runc crun)")
    (found,) = [check for check in probe(tmp_path) if check.name == "crun"]
    runs = (Path("/sys/fs/cgroup") / "cgroup.controllers").exists()
    assert found.ok
    assert found.detail.startswith("runs here as well" if runs else "does not run here: ")
