"""Modules that others use without code of their own: toolchains, blueprints, and dependencies by another name."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]

TOOL = '''
from typing import Annotated

import dagger
from dagger import DefaultPath, check, dag, field, function, generate, object_type


@object_type
class Part:
    name: str = field(default="part")

    @function
    def shown(self, by: str = "nobody") -> str:
        return f"{self.name} by {by}"


@object_type
class Tool:
    """Works on whatever uses it."""

    config: Annotated[dagger.File, DefaultPath("config.txt")]
    greeting: str = "hello"

    @function
    async def configured(self) -> str:
        return await self.config.contents()

    @function
    def greet(self, name: str) -> str:
        return f"{self.greeting} {name}"

    @function
    def part(self) -> Part:
        return Part()

    @function
    @check
    def lint(self) -> None:
        """It is clean."""

    @function
    @check
    def strict(self) -> None:
        raise RuntimeError("not clean")

    @function
    @generate
    def notes(self, source: Annotated[dagger.Directory, DefaultPath(".")]) -> dagger.Changeset:
        """Notes of all changes."""
        return source.with_new_file("notes.txt", "none\\n").changes(source)
'''

USER = """
from dagger import check, dag, function, object_type


@object_type
class User:
    @function
    async def part(self) -> str:
        return await dag.shelf().part().shown(by="user")

    @function
    @check
    def own(self) -> None:
        pass
"""


def write(place: Path, code: str = "", **configuration: Any) -> Path:
    """A module, of a name alone if it has no code."""
    place.mkdir()
    if code:
        configuration["sdk"] = {"source": "python"}
        (place / "src" / place.name).mkdir(parents=True)
        (place / "src" / place.name / "__init__.py").write_text(code)
        (place / "pyproject.toml").write_text(f'[project]\nname = "{place.name}"\nversion = "0"\n')
    (place / "dagger.json").write_text(json.dumps({"name": place.name, **configuration}))
    (place / "config.txt").write_text(f"of {place.name}")
    return place


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a tool, and modules that use it in every way."""
    root = tmp_path_factory.mktemp("tools")
    (root / ".git").mkdir()
    write(root / "tool", TOOL)
    other = {
        "name": "other",
        "source": "../tool",
        "customizations": [
            {"argument": "config", "defaultPath": "dagger.json"},
            {"function": ["part", "shown"], "argument": "by", "default": "somebody"},
        ],
        "ignoreChecks": ["str*"],
    }
    write(root / "app", toolchains=[{"name": "tool", "source": "../tool"}, other])
    write(root / "blue", blueprint={"name": "tool", "source": "../tool"})
    (root / "inner").mkdir()
    write(root / "inner" / "blue", blueprint={"name": "user", "source": "../../user"})
    shelf = {"name": "shelf", "source": "../tool"}
    write(root / "user", USER, dependencies=[shelf], toolchains=[{"name": "tool", "source": "../tool"}])
    return root


@pytest.mark.parametrize(
    ("place", "words", "printed"),
    [
        ("app", "tool configured", "of app"),
        ("app", "tool --greeting=hi greet --name=you", "hi you"),
        ("app", "other part shown", "part by somebody"),
        ("blue", "configured", "of blue"),
        ("inner/blue", "part", "part by user"),
    ],
)
def test_functions_of_other_modules_are_called(ci: Run, root: Path, place: str, words: str, printed: str) -> None:
    """A tool works on the module that uses it, by the name and with the defaults that this one gives it."""
    ran = ci(*words.split(), cwd=root / place)
    assert ran.stdout == printed, ran.stderr


def test_customised_default_path_is_the_users(ci: Run, root: Path) -> None:
    """Another default path is one of the module that uses the toolchain."""
    assert json.loads(ci("other", "configured", cwd=root / "app").stdout)["name"] == "app"


def test_toolchains_are_listed(ci: Run, root: Path) -> None:
    """The toolchains of a module stand beside its functions, with what they say of themselves."""
    assert ci("functions", cwd=root / "app").stdout.splitlines()[1:] == [
        "other   Works on whatever uses it.",
        "tool    Works on whatever uses it.",
    ]
    assert "part " in ci("functions", cwd=root / "user").stdout
    assert "Toolchains\n  tool   Works" in ci("call", "--help", cwd=root / "user").stdout
    assert "ci call tool greet [arguments]" in ci("call", "tool", "greet", "--help", cwd=root / "user").stdout


def test_checks_of_toolchains_run_with_its_own(ci: Run, root: Path) -> None:
    """Checks have their toolchain's name in front; those that the module leaves out are not there."""
    assert [line.split()[0] for line in ci("check", "-l", "--no-generate", cwd=root / "app").stdout.splitlines()] == [
        "Name",
        "tool:lint",
        "tool:strict",
        "other:lint",
    ]
    assert "user:own" in ci("check", "-l", cwd=root / "user").stdout
    ran = ci("check", "own", "tool:*", "--no-generate", cwd=root / "user")
    assert sorted(line.split()[1] for line in ran.stdout.splitlines() if line[0] in "✔✘") == [
        "tool:lint",
        "tool:strict",
        "user:own",
    ]
    assert "1 of 3 checks failed" in ran.stderr
    assert "no check is named 'other:strict'" in ci("check", "other:strict", cwd=root / "app").stderr


def test_generators_of_toolchains_change_the_user(ci: Run, root: Path) -> None:
    """A toolchain's generator changes the module that uses it."""
    ran = ci("generate", "tool:notes", cwd=root / "app")
    assert (root / "app" / "notes.txt").read_text() == "none\n", ran.stderr


@pytest.mark.parametrize(
    ("configuration", "reason"),
    [
        ({"toolchains": [{"name": "far", "source": "github.com/somebody/far@v1"}]}, "modules on this machine only"),
        ({"blueprint": {"name": "gone", "source": "../gone"}}, "has no dagger.json"),
    ],
    ids=["elsewhere", "not there"],
)
def test_module_that_is_not_here_is_refused(
    ci: Run, tmp_path: Path, configuration: dict[str, Any], reason: str
) -> None:
    """A toolchain or blueprint that is not on this machine is refused by name."""
    ran = ci("functions", cwd=write(tmp_path / "alone", **configuration))
    assert ran.returncode == 1
    assert reason in ran.stderr
