"""A module of every shape, and the command line that calls it as a person would."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from module_files import write_module

SAMPLE = '''
"""A sample module."""

import asyncio
import enum
import os
from typing import Annotated

import dagger
from dagger import DefaultPath, Doc, Ignore, check, dag, enum_type, field, function, generate, object_type, telemetry


@enum_type
class Color(enum.Enum):
    """A color."""

    RED = "red"
    BLUE = "blue"


@object_type
class Thing:
    """A thing."""

    name: str = field()
    size: int = field(default=3)

    @function
    def describe(self, loud: bool = False) -> str:
        """Say what it is."""
        text = f"{self.name}:{self.size}"
        return text.upper() if loud else text

    @function
    def bigger(self, by: int) -> "Thing":
        """One that is bigger."""
        return Thing(name=self.name, size=self.size + by)

    @function
    @check
    async def sound(self) -> None:
        """The thing is sound."""


@object_type
class Sample:
    """Shows everything that a module can have."""

    greeting: Annotated[str, Doc("How to greet")] = "hello"
    fresh: str = ""

    @function
    def hello(self, name: Annotated[str, Doc("Whom to greet")]) -> str:
        """Greet somebody."""
        return f"{self.greeting} {name}"

    @function
    def kinds(
        self,
        whole: int = 1,
        part: float = 0.5,
        on: bool = True,
        words: list[str] | None = None,
        numbers: list[int] | None = None,
        color: Color = Color.RED,
        colors: list[Color] | None = None,
    ) -> list[str]:
        """What every kind of argument was."""
        shades = [each.value for each in colors or []]
        return [repr(each) for each in (whole, part, on, words, numbers, color.value, shades)]

    @function
    def number(self) -> int:
        return 12345678

    @function
    def ratio(self) -> float:
        return 2.0

    @function
    def truth(self) -> bool:
        return True

    @function
    def nothing(self) -> None:
        return None

    @function
    def secret_run(self) -> str:
        """What makes this run its own."""
        return self.fresh

    @function
    def thing(self, name: str = "x") -> Thing:
        """One thing."""
        return Thing(name=name)

    @function
    def things(self) -> list[Thing]:
        """Two things."""
        return [Thing(name="a"), Thing(name="b", size=9)]

    @function
    async def entries(self, source: dagger.Directory) -> list[str]:
        """What is in a directory."""
        return await source.entries()

    @function
    async def context(
        self,
        source: Annotated[dagger.Directory, DefaultPath("/"), Ignore(["*", "!kept", "!**/*.toml", "kept/not"])],
        beside: Annotated[dagger.File, DefaultPath("pyproject.toml")],
    ) -> list[str]:
        """What the module sees of its repository."""
        return [*await source.glob("**"), (await beside.contents()).splitlines()[0]]

    @function
    async def outside(self, source: Annotated[dagger.Directory, DefaultPath("../..")]) -> list[str]:
        """A directory that is not the module's to read."""
        return await source.entries()

    @function
    async def read(self, file: dagger.File) -> str:
        """What is in a file."""
        return await file.contents()

    @function
    async def reveal(self, token: dagger.Secret) -> str:
        """A secret."""
        return await token.plaintext()

    @function
    def change(self) -> dagger.Changeset:
        """Changes to a directory."""
        return self.tree().with_new_file("new.txt", "1\\n2\\n").changes(self.tree())

    @function
    def tree(self) -> dagger.Directory:
        """A directory."""
        return dag.directory().with_new_file("a/b.txt", "hi")

    @function
    def here(self) -> list[str]:
        """What is in the working directory."""
        return os.listdir(".")

    @function
    def boom(self) -> str:
        """Fail."""
        raise ValueError("it went wrong")

    @function
    async def group(self) -> str:
        """Fail twice at once."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.fail("one"))
            group.create_task(self.fail("two"))
        return ""

    async def fail(self, text: str) -> None:
        raise RuntimeError(text)

    @function
    async def missing(self) -> str:
        """Ask for a file that is not there."""
        return await dag.directory().file("nope").contents()

    @function
    def unserialisable(self) -> str:
        """Return what its signature does not say."""
        return object()  # type: ignore

    @function
    async def staged(self) -> str:
        """Two stages, one of which fails."""
        async def stage(name: str, fails: bool) -> None:
            with telemetry.get_tracer().start_as_current_span(name):
                await dag.directory().with_new_file(name, name).entries()
                if fails:
                    raise RuntimeError("red")
        await asyncio.gather(stage("first", False), stage("second", True), return_exceptions=True)
        return "done"

    @function
    async def own(self) -> list[str]:
        """What it knows of itself."""
        with open("made.txt", "w") as made:
            made.write("made here")
        module = dag.current_module()
        return [
            await module.name(),
            *await module.source().entries(),
            await module.workdir_file("made.txt").contents(),
        ]

    @function
    def talk(self) -> str:
        """Print something."""
        print("talking")
        return "said"

    @function
    async def sleep(self) -> str:
        """Take long."""
        print("asleep", flush=True)
        await asyncio.sleep(60)
        return "rested"

    @function
    @check
    async def good(self) -> None:
        """All is well."""
        await asyncio.sleep(0.5)

    @function
    @check
    async def good_too(self) -> None:
        """All is well here, too."""
        await asyncio.sleep(0.5)

    @function
    @check
    async def bad(self) -> None:
        """All is not well."""
        raise RuntimeError("not well")
'''


Run = Callable[..., subprocess.CompletedProcess[str]]
WriteModule = Callable[..., Path]


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that the tests of the command line share."""
    return tmp_path_factory.mktemp("store")


def write_in_repository(root: Path, name: str = "sample", code: str = SAMPLE) -> Path:
    """A module in a repository: `root/.git`, `root/module/dagger.json`, its package in `src`."""
    (root / ".git").mkdir(parents=True, exist_ok=True)
    return write_module(root / "module", name, code)


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample module, in a repository with a few files."""
    root = tmp_path_factory.mktemp("repository")
    for path in ("kept/file.txt", "kept/not/file.txt", "other/file.txt"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)
    return write_in_repository(root)


@pytest.fixture(scope="session")
def new_module() -> WriteModule:
    """Write a module: `new_module(root, name="other", code="...")`."""
    return write_in_repository


@pytest.fixture(scope="session")
def command(store: Path) -> dict[str, str]:
    """The environment of a command: this one, with the store of the tests."""
    return {**os.environ, "CI_ENGINE_STORE": str(store), "CI_ENGINE_DEBUG": ""}


@pytest.fixture(scope="session")
def ci(command: dict[str, str], sample: Path) -> Run:
    """Run `ci` with words, by default in the sample module; other variables of its environment as keywords."""

    def run(*words: str, cwd: Path = sample, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "embedded_engine.cli", *words],
            cwd=cwd,
            env={**command, **variables},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run
