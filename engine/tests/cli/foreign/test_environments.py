"""A module that needs packages which are not here gets an environment, made once."""

import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from module_files import write_module

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_environment_is_made_once(ci: Run, tmp_path: Path) -> None:
    """The first call says that an environment is made; the next one uses it, and what the module prints is shown."""
    code = "import six, sys, dagger\n@dagger.object_type\nclass Once:\n    @dagger.function\n"
    code += "    def six(self) -> str:\n        print('printed here')\n        print('said there', file=sys.stderr)\n"
    code += "        return six.__version__\n"
    project = '[project]\nname = "once"\nversion = "0"\ndependencies = ["dagger-io", "six==1.15.0"]\n'
    module = write_module(tmp_path, "once", code, project)
    first = ci("six", cwd=module)
    assert (first.returncode, first.stdout) == (0, "1.15.0"), first.stderr
    assert "note: making an environment for the module once" in first.stderr
    second = ci("six", cwd=module)
    assert second.stdout == "1.15.0"
    assert sorted(second.stderr.splitlines()) == ["printed here", "said there"]


def test_what_uv_refuses_is_one_line(ci: Run, tmp_path: Path, store: Path) -> None:
    """A requirement that cannot be met, and a machine without uv, are said in one line, and nothing is left."""
    project = '[project]\nname = "no"\nversion = "0"\ndependencies = ["dagger-io", "six==0.0.1"]\n'
    module = write_module(tmp_path, "no", "import dagger", project)
    ran = ci("functions", cwd=module)
    assert ran.returncode == 1
    assert re.search(r"^Error: cannot make an environment for the module no: .*six==0\.0\.1", ran.stderr, re.MULTILINE)
    without = ci("functions", cwd=module, PATH="/nowhere")
    assert "and uv, which would install them, is not on PATH" in without.stderr
    assert not list(store.glob("staging/*"))


def test_two_runs_at_once_make_one_environment(command: dict[str, str], ci: Run, tmp_path: Path, store: Path) -> None:
    """While one run makes it the other waits; one that was killed at it leaves nothing that is used."""
    code = "import idna, dagger\n@dagger.object_type\nclass Both:\n    @dagger.function\n"
    code += "    def idna(self) -> str:\n        return idna.__version__\n"
    project = '[project]\nname = "both"\nversion = "0"\ndependencies = ["dagger-io", "idna==3.10"]\n'
    module = write_module(tmp_path, "both", code, project)
    before = set((store / "environments").glob("*"))
    words = [sys.executable, "-m", "embedded_engine.cli", "idna"]
    with subprocess.Popen(words, cwd=module, env=command, stderr=subprocess.DEVNULL) as killed:
        until = time.monotonic() + 120
        while not list(store.glob("staging/*/scratch-*/*")) and time.monotonic() < until:
            time.sleep(0.01)
        killed.kill()
    assert set((store / "environments").glob("*")) == before
    runs = [
        subprocess.Popen(words, cwd=module, env=command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    answers = [run.communicate(timeout=300) for run in runs]
    assert [out for out, _ in answers] == ["3.10", "3.10"], answers
    assert sorted("making an environment" in err for _, err in answers) == [False, True]
    assert len(set((store / "environments").glob("*")) - before) == 1
    # What a killed run staged goes with the next start at the latest.
    assert subprocess.run(words, cwd=module, env=command, capture_output=True, text=True, check=True).stdout == "3.10"
    assert not list(store.glob("staging/*"))
