"""The pipeline's decisions are tested to the last branch."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
POLICY = HERE.parents[1] / "ci/src/ci/policy"
TESTS = sorted([*HERE.glob("test_policy_*.py"), *HERE.glob("policy/test_*.py")])
# This one, and the one whose examples are made at random.
BESIDE = (Path(__file__).name, "test_properties.py")


def test_every_branch_of_the_policy_is_tested(tmp_path: Path) -> None:
    """By the tables of the policy's own tests: that some other test passes through it proves nothing, nor does chance."""
    tests = [str(path) for path in TESTS if path.name not in BESIDE]
    coverage = [sys.executable, "-m", "coverage"]
    environment = os.environ | {"COVERAGE_FILE": str(tmp_path / "coverage"), "COVERAGE_RCFILE": os.devnull}
    run = [*coverage, "run", "--branch", f"--source={POLICY}", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    report = [*coverage, "report", "--fail-under=100", "--show-missing"]
    for command in ([*run, "--doctest-modules", f"--basetemp={tmp_path}/pytest", *tests], report):
        done = subprocess.run(
            command, cwd=HERE.parents[1], env=environment, capture_output=True, text=True, check=False, timeout=600
        )
        assert done.returncode == 0, done.stdout + done.stderr
