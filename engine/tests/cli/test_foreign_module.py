"""Modules that need packages which are not here: an environment of their own, and functions called in a child process."""

import asyncio
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from embedded_engine.cli.options import Options
from embedded_engine.cli.output import printed
from embedded_engine.cli.project import Project, required_name
from embedded_engine.cli.words import parse_chain
from embedded_engine.cli.workbench import Work, Workbench
from embedded_engine.errors import EngineError

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

FREE = '[project]\nname = "free"\nversion = "0"\ndependencies = ["dagger-io", "six"]\n'


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A module whose project is not installed here and needs one package more than the SDK, with its lock."""
    root = tmp_path_factory.mktemp("elsewhere")
    (root / ".git").mkdir()
    (root / "kept.txt").write_text("kept")
    module = write(root / "module", "foreign", FOREIGN, PROJECT)
    subprocess.run(["uv", "lock", "--quiet"], cwd=module, check=True)
    return module


@pytest.fixture(scope="module")
def call(ci: Run, foreign: Path) -> Run:
    """Run `ci` in that module."""

    def run(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return ci(*words, cwd=foreign, **more)

    return run


ANSWERS = {
    "--prefix=q six": "q 1.17.0",
    "prefix": "made",
    "kept": "kept.txt\n",
    "beside": "[project]",
    "given": "'x'\nNone\nNone\n'low level'\nTrue\n",
    "given --from=a --maybe=3 --words=a,b --level=high --on=false": "'a'\n3\n['a', 'b']\n'high level'\nFalse\n",
    "level": "HIGH",
    "renamed": "2.5",
    "cat --name=kit lose lose --lives=2 lives": "6",
    "cat lose home entries": "tom\n",
    "cat level": "LOW",
    "cat kittens name": "tom1\ntom2\n",
    "cats lose lives": "8\n8\n",
    "directories file --path=f contents": "one\ntwo\n",
    "file contents": "in the file",
    "here": "",
    "hear": "silence",
    "nothing": "",
    "boom": "Error: it went wrong",
    "missing": "Error: stat /nope: no such file or directory",
    "unserialisable": "Error: what Foreign.unserialisable returned is not what its signature says: "
    "TypeError: Object of type object is not JSON serializable",
    "leave": "Error: the function ended its process: exit code 7",
    "give-up": "Error: the function cancelled itself",
    "hang-up": "Error: the process of the module foreign ended unexpectedly: exit code 74",
}
"""What chains of the module print, in the order in which one child is asked; the last one ends it."""


@pytest.fixture(scope="module")
def answers(foreign: Path, store: Path) -> dict[str, str]:
    """What the chains print, all of them run in one session and one child."""

    async def run() -> dict[str, str]:
        bench = Workbench(Options(module=foreign, silent=True, progress="none"))
        async with bench.work(bench.source()) as work:
            return {words: await answer(words, bench, work) for words in ANSWERS}

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CI_ENGINE_STORE", str(store))
        return asyncio.run(run())


async def answer(words: str, bench: Workbench, work: Work) -> str:
    """What a chain prints, or its error."""
    chain = parse_chain(words.split(), work.catalog.constructor, work.catalog.functions_of, bench.options)
    try:
        outcome = await work.runner.run(chain.steps)
    except EngineError as error:
        return f"Error: {error}"
    return printed(outcome, work.catalog, bench.options, bench.workdir)[0]


def write(module: Path, name: str, code: str, project: str) -> Path:
    """A module with its package in `src`."""
    package = module / "src" / name
    package.mkdir(parents=True)
    (module / "dagger.json").write_text(f'{{"name": "{name}", "sdk": {{"source": "python"}}, "source": "."}}')
    (module / "pyproject.toml").write_text(project)
    (package / "__init__.py").write_text(code)
    return module


def test_environment_is_made_once(call: Run, store: Path) -> None:
    """The first call says that an environment is made; the next one uses it, and what the module prints is shown."""
    first = call("six")
    assert (first.returncode, first.stdout) == (0, "made 1.17.0"), first.stderr
    assert "note: making an environment for the module foreign" in first.stderr
    second = call("six")
    assert second.stdout == "made 1.17.0"
    assert sorted(second.stderr.splitlines()) == ["printed here", "said there"]


def test_function_is_called_in_the_child(answers: dict[str, str]) -> None:
    """Objects, fields, enums, names, defaults, lists and core types are what they are for a module in process."""
    assert answers == ANSWERS


def test_crash_of_the_child_is_one_line(call: Run) -> None:
    """The end of the module's process is one line, with the signal that ended it."""
    ran = call("crash")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == "Error: the process of the module foreign ended unexpectedly: SIGKILL\n"


def test_end_of_the_child_is_seen_although_another_process_holds_its_place(call: Run) -> None:
    """A process that the module left behind, with all that it inherited, keeps no call waiting."""
    started = time.monotonic()
    assert "ended unexpectedly: exit code 9" in call("fork").stderr
    assert time.monotonic() - started < 100


def test_stages_and_checks_of_the_child_are_shown(call: Run) -> None:
    """A span in the child is a stage; checks run at once there too."""
    assert re.search(r"first: passed in \d", call("staged").stderr)
    ran = call("check", "--no-generate")
    assert ran.returncode == 1
    assert re.search(r"✔ good", ran.stdout)
    assert re.search(r"✘ bad .*\n    not well", ran.stdout)


def test_help_is_known_without_the_child(call: Run) -> None:
    """What the module defines is kept by its content."""
    assert "The version of what is not installed here." in call("call", "--help").stdout
    assert "--from string" in call("given", "--help").stdout


def test_signal_ends_the_child(command: dict[str, str], foreign: Path) -> None:
    """Ctrl-C ends a function that blocks its process, and leaves no process behind."""
    words = [sys.executable, "-m", "embedded_engine.cli", "block"]
    with subprocess.Popen(
        words, cwd=foreign, env=command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        said, child = process.stderr.readline().split()
        assert said == "asleep"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "Interrupted: everything that ran has been stopped.\n")
    assert not Path("/proc", child).exists()


def test_child_ends_when_the_command_is_killed(command: dict[str, str], foreign: Path) -> None:
    """Nothing is left of a run that was killed, even if a function blocks."""
    words = [sys.executable, "-m", "embedded_engine.cli", "block"]
    with subprocess.Popen(
        words, cwd=foreign, env=command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        child = process.stderr.readline().split()[1]
        process.kill()
    until = time.monotonic() + 60
    while Path("/proc", child).exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert not Path("/proc", child).exists()


def test_module_without_lock_gets_this_sdk(ci: Run, tmp_path: Path) -> None:
    """Without a lock its requirements are installed, with the SDK of this engine's version."""
    code = "import six, dagger, importlib.metadata as m\n@dagger.object_type\nclass Free:\n    @dagger.function\n"
    code += "    def sdk(self) -> str:\n        return m.version('dagger-io')\n"
    ran = ci("sdk", cwd=write(tmp_path, "free", code, FREE))
    assert ran.stdout == version("dagger-io"), ran.stderr


def test_library_beside_a_module(ci: Run, tmp_path: Path) -> None:
    """A requirement that the project takes from a directory is taken from there, locked or not."""
    code = "import dagger, beside\nfrom dagger import function\n@dagger.object_type\nclass Near:\n    @function\n"
    code += "    def said(self) -> str:\n        return beside.SAID\n"
    project = (
        '[project]\nname = "near"\nversion = "0"\nrequires-python = ">=3.11"\ndependencies = ["dagger-io", "beside"]\n'
    )
    project += '[tool.uv.sources]\ndagger-io = { path = "sdk", editable = true }\nbeside = { path = "beside" }\n'
    module = write(tmp_path, "near", code, project)
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
    module = write(tmp_path, "old", code, project)
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
    ran = ci("hi", cwd=write(tmp_path, "free", code, FREE))
    assert (ran.returncode, ran.stderr.splitlines()[-1]) == (1, f"Error: {reason}")


def test_lock_of_a_module_that_dagger_made(ci: Run, tmp_path: Path) -> None:
    """A lock that names the copy of the SDK which Dagger makes beside a module is honoured without that copy."""
    code = "import six, dagger\nfrom dagger import function\n@dagger.object_type\nclass Own:\n    @function\n"
    code += "    def six(self) -> str:\n        return six.__version__\n"
    project = '[project]\nname = "own"\nversion = "0"\nrequires-python = ">=3.11"\ndependencies = ["dagger-io", "six==1.16.0"]\n'
    project += '[tool.uv.sources]\ndagger-io = { path = "sdk", editable = true }\n'
    module = write(tmp_path, "own", code, project)
    sdk = module / "sdk"
    (sdk / "src" / "dagger").mkdir(parents=True)
    (sdk / "src" / "dagger" / "__init__.py").touch()
    (sdk / "pyproject.toml").write_text('[project]\nname = "dagger-io"\nversion = "0.0.0"\n')
    subprocess.run(["uv", "lock", "--quiet"], cwd=module, check=True)
    (module / "pyproject.toml").write_text(project.replace("six==1.16.0", "six"))
    shutil.rmtree(sdk)
    ran = ci("six", cwd=module)
    assert ran.stdout == "1.16.0", ran.stderr


def test_what_uv_refuses_is_one_line(ci: Run, tmp_path: Path, store: Path) -> None:
    """A requirement that cannot be met, and a machine without uv, are said in one line, and nothing is left."""
    project = '[project]\nname = "no"\nversion = "0"\ndependencies = ["dagger-io", "six==0.0.1"]\n'
    module = write(tmp_path, "no", "import dagger", project)
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
    module = write(tmp_path, "both", code, project)
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


def test_generators_are_listed(call: Run) -> None:
    """`-l` lists names and what they do, and runs nothing."""
    ran = call("generate", "-l")
    assert ran.stdout == "Name   Description\ncode   Write the code.\ndocs   Write the docs.\n"


def test_generators_change_the_working_tree(ci: Run, foreign: Path, tmp_path: Path) -> None:
    """What they change is shown; it is brought to where the command was given, unless it was only to be shown."""
    (tmp_path / "old.md").write_text("old")
    words = ("-m", str(foreign), "generate")
    shown = ci(*words, "docs", "--dry-run", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert re.search(r"^\+ new\.md +\+2 -0\n- old\.md", shown.stdout, re.MULTILINE)
    assert [each.name for each in tmp_path.iterdir()] == ["old.md"]
    applied = ci(*words, cwd=tmp_path)
    assert applied.returncode == 0, applied.stderr
    assert (tmp_path / "new.md").read_text() == "one\ntwo\n"
    assert (tmp_path / "code" / "made.py").read_text() == "made = 1\n"
    assert not (tmp_path / "old.md").exists()


def test_unknown_generator_is_refused(call: Run) -> None:
    """A name that no generator has is an error with a suggestion; a check is none."""
    assert "no generator is named 'doc'; did you mean 'docs'?" in call("generate", "doc").stderr
    assert "no generator is named 'good'" in call("generate", "good").stderr


@pytest.mark.parametrize(
    ("project", "lock", "home"),
    [
        ('[project]\nname = "x"\ndependencies = ["dagger-io"]', None, True),
        ('[project]\nname = "x"\ndependencies = ["dagger_io>=0.1", "six"]', None, False),
        ('[project]\nname = "x"', ("0.18.0", 'registry = "r"'), False),
        ('[project]\nname = "x"', (version("dagger-io"), 'registry = "r"'), True),
        ('[project]\nname = "x"', ("0.0.0", 'editable = "sdk"'), True),
        ('[project]\nname = "embedded-engine"\ndependencies = ["six"]', None, False),
    ],
    ids=[
        "only the SDK",
        "one package more",
        "another SDK",
        "the same SDK",
        "Dagger's copy",
        "installed from elsewhere",
    ],
)
def test_module_is_at_home(tmp_path: Path, project: str, lock: tuple[str, str] | None, home: bool) -> None:
    """A module runs in this process if it needs nothing that is not here, or is what is installed here."""
    (tmp_path / "pyproject.toml").write_text(project)
    if lock is not None:
        text = f'[[package]]\nname = "dagger-io"\nversion = "{lock[0]}"\nsource = {{ {lock[1]} }}\n'
        (tmp_path / "uv.lock").write_text(text)
    assert Project.read(tmp_path).is_at_home() is home


def test_names_of_requirements() -> None:
    """Names are compared in their normal form."""
    assert [required_name(each) for each in ("Dagger.IO>=1", "six ; python_version>'3'", "")] == [
        "dagger-io",
        "six",
        "",
    ]
