"""A module that needs packages which are not here, and the command line that calls it."""

import subprocess
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from module_files import write_module

Run = Callable[..., subprocess.CompletedProcess[str]]

FOREIGN = '''
"""A module from elsewhere."""

import asyncio
import enum
import os
import sys
from typing import Annotated, Protocol, Self

import six
import dagger
from dagger import (
    DefaultPath, Doc, Ignore, Name, check, dag, enum_type, field, function, generate, interface, object_type, telemetry
)


@enum_type
class Level(enum.Enum):
    LOW = "low level"
    HIGH = "high level"


@interface
class Speaker(Protocol):
    @function
    async def speak(self) -> str: ...


@object_type
class Cat:
    name: str = field()
    lives: int = field(default=9)
    level: Level = field(default=Level.LOW)

    @function
    def lose(self, lives: int = 1) -> Self:
        return Cat(name=self.name, lives=self.lives - lives, level=self.level)

    @function
    async def home(self) -> dagger.Directory:
        return dag.directory().with_new_file(self.name, str(self.lives))

    @function
    def kittens(self) -> list["Cat"]:
        return [Cat(name=f"{self.name}{number}") for number in (1, 2)]


@object_type
class Foreign:
    source: Annotated[dagger.Directory, DefaultPath("/"), Ignore(["*", "!kept.txt"])]
    prefix: str = field(default="p")

    @classmethod
    async def create(
        cls, source: Annotated[dagger.Directory, DefaultPath("/"), Ignore(["*", "!kept.txt"])], prefix: str = "made"
    ) -> Self:
        return cls(source=source, prefix=prefix)

    @function
    def six(self) -> str:
        """The version of what is not installed here."""
        print("printed here")
        print("said there", file=sys.stderr)
        return f"{self.prefix} {six.__version__}"

    @function
    async def kept(self) -> list[str]:
        return await self.source.entries()

    @function
    async def beside(self, file: Annotated[dagger.File, DefaultPath("pyproject.toml")]) -> str:
        return (await file.contents()).splitlines()[0]

    @function
    def given(
        self,
        from_: Annotated[str, Name("from"), Doc("Where it comes from")] = "x",
        maybe: int | None = None,
        words: list[str] | None = None,
        level: Level = Level.LOW,
        on: bool = True,
    ) -> list[str]:
        return [repr(each) for each in (from_, maybe, words, level.value, on)]

    @function
    def level(self) -> Level:
        return Level.HIGH

    @function(name="renamed")
    async def original(self) -> float:
        await asyncio.sleep(0)
        return 2.5

    @function
    def cat(self, name: str = "tom") -> Cat:
        return Cat(name=name)

    @function
    def cats(self) -> list[Cat]:
        return [Cat(name="a"), Cat(name="b")]

    @function
    def directories(self) -> list[dagger.Directory]:
        return [dag.directory().with_new_file("f", name) for name in ("one", "two")]

    @function
    def file(self) -> dagger.File:
        return dag.directory().with_new_file("f", "in the file").file("f")

    @function
    async def hear(self, speaker: Speaker | None = None) -> str:
        return await speaker.speak() if speaker else "silence"

    @function
    def here(self) -> list[str]:
        return os.listdir(".")

    @function
    def nothing(self) -> None:
        return None

    @function
    def boom(self) -> str:
        raise ValueError("it went wrong")

    @function
    async def missing(self) -> str:
        return await dag.directory().file("nope").contents()

    @function
    def crash(self) -> str:
        os.kill(os.getpid(), 9)

    @function
    def fork(self) -> str:
        if os.fork() == 0:
            os.setsid()
            asyncio.run(asyncio.sleep(120))
        os._exit(9)

    @function
    def leave(self) -> str:
        sys.exit(7)

    @function
    async def give_up(self) -> str:
        raise asyncio.CancelledError

    @function
    def hang_up(self) -> str:
        os.closerange(3, 100)
        return ""

    @function
    def unserialisable(self) -> str:
        return object()

    @function
    def block(self) -> str:
        import time
        print("asleep", os.getpid())
        time.sleep(60)
        return ""

    @function
    async def staged(self) -> str:
        with telemetry.get_tracer().start_as_current_span("first"):
            await dag.directory().with_new_file("x", "x").entries()
        return "done"

    @function
    @check
    async def good(self) -> None:
        await asyncio.sleep(0.5)

    @function
    @check
    async def bad(self) -> None:
        raise RuntimeError("not well")

    @function
    @generate
    def docs(self) -> dagger.Changeset:
        """Write the docs."""
        before = dag.directory().with_new_file("old.md", "old")
        return before.with_new_file("new.md", "one\\ntwo\\n").without_file("old.md").changes(before)

    @function
    @generate
    def code(self) -> dagger.Changeset:
        """Write the code."""
        before = dag.directory()
        return before.with_new_file("code/made.py", "made = 1\\n").changes(before)
'''
PROJECT = f"""[project]
name = "foreign"
version = "0"
requires-python = ">=3.11"
dependencies = ["dagger-io=={version("dagger-io")}", "six==1.17.0"]
"""


@pytest.fixture(scope="session")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A module whose project is not installed here and needs one package more than the SDK, with its lock."""
    root = tmp_path_factory.mktemp("elsewhere")
    (root / ".git").mkdir()
    (root / "kept.txt").write_text("kept")
    module = write_module(root / "module", "foreign", FOREIGN, PROJECT)
    subprocess.run(["uv", "lock", "--quiet"], cwd=module, check=True)
    return module


@pytest.fixture(scope="session")
def call(ci: Run, foreign: Path) -> Run:
    """Run `ci` in that module."""

    def run(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return ci(*words, cwd=foreign, **more)

    return run
