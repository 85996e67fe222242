"""What a module requires, locked or not, is what its environment has."""

import shutil
import subprocess
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from embedded_engine.cli.project import Project
from module_files import write_module

Run = Callable[..., subprocess.CompletedProcess[str]]

FREE = '[project]\nname = "free"\nversion = "0"\ndependencies = ["dagger-io", "six"]\n'


def test_module_without_lock_gets_this_sdk(ci: Run, tmp_path: Path) -> None:
    """Without a lock its requirements are installed, with the SDK of this engine's version."""
    code = "import six, dagger, importlib.metadata as m\n@dagger.object_type\nclass Free:\n    @dagger.function\n"
    code += "    def sdk(self) -> str:\n        return m.version('dagger-io')\n"
    ran = ci("sdk", cwd=write_module(tmp_path, "free", code, FREE))
    assert ran.stdout == version("dagger-io"), ran.stderr


def test_library_beside_a_module(ci: Run, tmp_path: Path) -> None:
    """A requirement that the project takes from a directory is taken from there, locked or not."""
    code = "import dagger, beside\nfrom dagger import function\n@dagger.object_type\nclass Near:\n    @function\n"
    code += "    def said(self) -> str:\n        return beside.SAID\n"
    project = (
        '[project]\nname = "near"\nversion = "0"\nrequires-python = ">=3.11"\ndependencies = ["dagger-io", "beside"]\n'
    )
    project += '[tool.uv.sources]\ndagger-io = { path = "sdk", editable = true }\nbeside = { path = "beside" }\n'
    module = write_module(tmp_path, "near", code, project)
    library = module / "beside"
    library.mkdir()
    (library / "pyproject.toml").write_text(
        '[project]\nname = "beside"\nversion = "0"\n[tool.setuptools]\npy-modules = ["beside"]\n'
    )
    (library / "beside.py").write_text("SAID = 'from beside'\n")
    assert Project.read(module).is_tied_to_place
    ran = ci("said", cwd=module)
    assert ran.stdout == "from beside", ran.stderr


def test_other_sdk_is_refused_by_its_version(ci: Run, tmp_path: Path) -> None:
    """A module that locks an SDK whose functions this engine does not know how to call is refused at once."""
    code = "import dagger\n@dagger.object_type\nclass Old:\n    @dagger.function\n    def hi(self) -> str:\n        return 'hi'\n"
    project = (
        '[project]\nname = "old"\nversion = "0"\nrequires-python = ">=3.11"\ndependencies = ["dagger-io==0.18.0"]\n'
    )
    module = write_module(tmp_path, "old", code, project)
    subprocess.run(["uv", "lock", "--quiet"], cwd=module, check=True)
    ran = ci("hi", cwd=module)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.splitlines()[-1] == (
        "Error: the module old locks dagger-io 0.18.0, which this engine does not serve: "
        "let it require dagger-io>=0.21 (uv lock --upgrade-package dagger-io)"
    )


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import sys\nsys.exit(3)", "cannot import the module free: SystemExit: 3"),
        ("1 / 0", "cannot import the module free: ZeroDivisionError: division by zero"),
        (
            "import six, nowhere",
            "the module free needs 'nowhere', which is not installed in this environment: uv sync",
        ),
        ("import six", "free has no object type Free (@dagger.object_type) for the module free"),
    ],
    ids=["it exits", "it raises", "it lacks a package", "it has no main object"],
)
def test_module_that_cannot_be_imported(ci: Run, tmp_path: Path, code: str, reason: str) -> None:
    """Whatever keeps a module from being imported in the child is one line."""
    ran = ci("hi", cwd=write_module(tmp_path, "free", code, FREE))
    assert (ran.returncode, ran.stderr.splitlines()[-1]) == (1, f"Error: {reason}")


def test_lock_of_a_module_that_dagger_made(ci: Run, tmp_path: Path) -> None:
    """A lock that names the copy of the SDK which Dagger makes beside a module is honoured without that copy."""
    code = "import six, dagger\nfrom dagger import function\n@dagger.object_type\nclass Own:\n    @function\n"
    code += "    def six(self) -> str:\n        return six.__version__\n"
    project = '[project]\nname = "own"\nversion = "0"\nrequires-python = ">=3.11"\ndependencies = ["dagger-io", "six==1.16.0"]\n'
    project += '[tool.uv.sources]\ndagger-io = { path = "sdk", editable = true }\n'
    module = write_module(tmp_path, "own", code, project)
    sdk = module / "sdk"
    (sdk / "src" / "dagger").mkdir(parents=True)
    (sdk / "src" / "dagger" / "__init__.py").touch()
    (sdk / "pyproject.toml").write_text('[project]\nname = "dagger-io"\nversion = "0.0.0"\n')
    subprocess.run(["uv", "lock", "--quiet"], cwd=module, check=True)
    (module / "pyproject.toml").write_text(project.replace("six==1.16.0", "six"))
    shutil.rmtree(sdk)
    ran = ci("six", cwd=module)
    assert ran.stdout == "1.16.0", ran.stderr
