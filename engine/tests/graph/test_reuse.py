"""Reuse: what one session executed another one finds, by content; and what is not kept."""

from __future__ import annotations

import asyncio
import os
import subprocess
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import dagger
import pytest
from dagger import ReturnType, dag

from embedded_engine.events import Event, StepFinished
from embedded_engine.store import Store, default_root
from embedded_engine.testing import embedded_session

STAMP = ["cat", "/proc/sys/kernel/random/uuid"]
Make = Callable[[dagger.Container], dagger.Container]
ResultT = TypeVar("ResultT")
Program = Callable[[], Awaitable[ResultT]]


@dataclass
class Bench:
    """Runs programs, each in a session of its own, on one store."""

    store: Path
    events: list[Event] = field(default_factory=list)

    def run(self, program: Program[ResultT]) -> ResultT:
        """What the program gives in a new session."""

        async def connected() -> ResultT:
            async with dagger.connection():
                return await program()

        self.events.clear()
        with embedded_session(self.events.append, store=self.store):
            return asyncio.run(connected())

    def executed(self, word: str = "") -> int:
        """How many executions the last program had that were really done, of those whose command holds `word`."""
        return sum(not each.cached and each.error is None for each in self._steps(word))

    def found(self, word: str = "") -> int:
        """How many were found in the store."""
        return sum(each.cached for each in self._steps(word))

    def _steps(self, word: str) -> list[StepFinished]:
        return [each for each in self.events if isinstance(each, StepFinished) and word in each.label]


@pytest.fixture
def bench(request: pytest.FixtureRequest) -> Bench:
    """Sessions on the user's store, where the image is: what a test executes has a word of its own."""
    if request.config.getoption("--engine") != "embedded":
        pytest.skip("the embedded engine's own rules")
    return Bench(Path(os.environ.get("CI_ENGINE_STORE", default_root())))


@pytest.fixture
def word() -> str:
    """A word of this test alone."""
    return uuid.uuid4().hex


def container(word: str) -> dagger.Container:
    """A container that no execution was ever done in."""
    return dag.container().from_("python:3.13-slim").with_env_variable("WORD", word)


def test_a_second_session_executes_nothing(bench: Bench, word: str) -> None:
    """A chain of executions is found by the next session, output and files."""

    async def program() -> tuple[str, str]:
        ran = container(word).with_exec(["sh", "-c", "tee /f < /proc/sys/kernel/random/uuid"])
        return await ran.stdout(), await ran.with_exec(["cat", "/f"]).stdout()

    first = bench.run(program)
    assert bench.executed() == 2
    assert bench.run(program) == first
    assert (bench.executed(), bench.found()) == (0, 2)


def test_an_edit_executes_what_depends_on_it(bench: Bench, word: str) -> None:
    """Of two steps only the one whose input changed is done again."""

    async def program(text: str) -> str:
        base = container(word).with_exec(["sh", "-c", "echo base > /base"])
        with_source = base.with_mounted_directory("/src", dag.directory().with_new_file("f", text))
        return await with_source.with_exec(["cat", "/base", "/src/f"]).stdout()

    assert bench.run(lambda: program("one")) == "base\none"
    assert bench.run(lambda: program("two")) == "base\ntwo"
    assert (bench.executed("cat"), bench.executed("echo base")) == (1, 0)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        pytest.param(
            lambda c: c.with_mounted_directory("/m", dag.directory().with_new_file("a", "1").with_new_file("b", "2")),
            lambda c: c.with_mounted_directory("/m", dag.directory().with_new_file("b", "2").with_new_file("a", "1")),
            id="two ways to one content",
        ),
        pytest.param(
            lambda c: c.with_mounted_directory(
                "/m", dag.directory().with_new_file("f", "").with_new_file("x.md", "1").filter(exclude=["*.md"])
            ),
            lambda c: c.with_mounted_directory(
                "/m", dag.directory().with_new_file("f", "").with_new_file("x.md", "2").filter(exclude=["*.md"])
            ),
            id="a file that patterns leave out",
        ),
        pytest.param(
            lambda c: c.with_mounted_directory(
                "/m", dag.directory().with_new_file("s/f", "").with_new_file("docs", "1").directory("s")
            ),
            lambda c: c.with_mounted_directory(
                "/m", dag.directory().with_new_file("s/f", "").with_new_file("docs", "2").directory("s")
            ),
            id="a file outside the part that is used",
        ),
        pytest.param(
            lambda c: c,
            lambda c: c.with_label("a", "1").with_annotation("b", "2").with_exposed_port(9).with_entrypoint(["e"]),
            id="what a command cannot see",
        ),
        pytest.param(
            lambda c: c.with_mounted_directory("/m", dag.directory().with_new_file("f", "").with_timestamps(1)),
            lambda c: c.with_mounted_directory("/m", dag.directory().with_new_file("f", "").with_timestamps(2)),
            id="modification times",
        ),
    ],
)
def test_what_does_not_count(bench: Bench, word: str, one: Make, two: Make) -> None:
    """Two containers that differ in nothing that the command can tell are one execution."""

    async def program() -> list[str]:
        return [await make(container(word)).with_exec(STAMP).stdout() for make in (one, two)]

    assert len(set(bench.run(program))) == 1
    assert bench.executed() == 1


def test_an_expected_failure_is_kept(bench: Bench, word: str) -> None:
    """A failure that was expected is found by the next session, with its code, output and files."""

    async def program() -> tuple[int, str, str]:
        ran = container(word).with_exec(["sh", "-c", "echo out; echo f > /f; exit 3"], expect=ReturnType.ANY)
        return await ran.exit_code(), await ran.stdout(), await ran.file("/f").contents()

    assert bench.run(program) == (3, "out\n", "f\n")
    assert bench.run(program) == (3, "out\n", "f\n")
    assert bench.executed() == 0


def test_a_kept_failure_is_no_success(bench: Bench, word: str) -> None:
    """Where success is expected, a failure in the store is not taken for one."""

    def program(expect: ReturnType) -> Program[int]:
        return lambda: container(word).with_exec(["sh", "-c", "exit 3"], expect=expect).exit_code()

    assert bench.run(program(ReturnType.ANY)) == 3
    with pytest.raises(dagger.ExecError):
        bench.run(program(ReturnType.SUCCESS))


@pytest.mark.parametrize("script", ["exit 1", "kill -9 $$"], ids=["a failure", "a kill"])
def test_what_fails_is_not_kept(bench: Bench, word: str, script: str) -> None:
    """A command that failed is done again by the next session."""

    async def program() -> str:
        cache = dag.cache_volume(f"attempts-{word}")
        mounted = container(word).with_mounted_cache("/c", cache)
        first = f"test -e /c/again && echo second && exit; touch /c/again; {script}"
        return await mounted.with_exec(["sh", "-c", first]).stdout()

    with pytest.raises(dagger.ExecError):
        bench.run(program)
    assert bench.run(program) == "second\n"


def test_a_lost_blob_is_made_again(bench: Bench, word: str) -> None:
    """A result whose output is gone from the store counts as none."""

    async def program() -> str:
        return await container(word).with_exec(["sh", "-c", f"echo output of {word}"]).stdout()

    bench.run(program)
    with Store.open(bench.store) as store:
        (lost,) = (
            path for path in (store.root / "blobs").glob("??/*") if path.read_bytes() == f"output of {word}\n".encode()
        )
        lost.unlink()
    assert bench.run(program) == f"output of {word}\n"
    assert bench.executed() == 1


def test_the_configuration_of_a_container_needs_no_execution(bench: Bench, word: str) -> None:
    """What is known of a container without executing is told, even if its execution would fail."""

    async def program() -> str | None:
        failing = container(word).with_exec(["false"])
        assert await failing.directory("/").id()
        assert await failing.as_service(args=["true"]).id()
        return await failing.env_variable("WORD")

    assert bench.run(program) == word
    assert bench.executed() == 0


def test_a_replaced_mount_is_not_made(bench: Bench, word: str) -> None:
    """A failing source of a mount that is replaced is never executed."""

    async def program() -> str:
        failing = container(word).with_exec(["false"]).directory("/")
        replaced = container(word).with_mounted_directory("/m", failing).with_mounted_directory("/m", dag.directory())
        return await replaced.with_exec(["ls", "/m"]).stdout()

    assert bench.run(program) == ""


def test_inputs_are_made_at_the_same_time(bench: Bench, word: str) -> None:
    """Two directories that one container mounts are made at once."""

    async def program() -> None:
        mounted = container(word).with_mounted_cache("/c", dag.cache_volume(f"inputs-{word}"))
        wait = "mkdir -p /o; touch /c/$ME; for i in $(seq 200); do test -e /c/$OTHER && exit; sleep 0.05; done; exit 1"
        one, two = (
            mounted.with_env_variable("ME", a)
            .with_env_variable("OTHER", b)
            .with_exec(["sh", "-c", wait])
            .directory("/o")
            for a, b in (("x", "y"), ("y", "x"))
        )
        await (
            container(word)
            .with_mounted_directory("/1", one)
            .with_mounted_directory("/2", two)
            .with_exec(["true"])
            .sync()
        )

    bench.run(program)


def test_secrets_are_nowhere_in_the_store(bench: Bench, word: str, tmp_path: Path) -> None:
    """No file of the store holds a secret, whichever way it came and however it was printed."""
    plain = {way: f"{way}-{uuid.uuid4().hex}" for way in ("variable", "file", "host", "failed")}
    (tmp_path / "secret").write_text(plain["host"])

    async def program() -> str:
        made = (
            container(word)
            .with_secret_variable("A", dag.set_secret("a", plain["variable"]))
            .with_mounted_secret("/b", dag.set_secret("b", plain["file"]))
            .with_secret_variable("C", dag.secret(f"file://{tmp_path}/secret"))
        )
        failing = made.with_secret_variable("D", dag.set_secret("d", plain["failed"]))
        with pytest.raises(dagger.ExecError) as caught:
            await failing.with_exec(["sh", "-c", "echo $D; exit 1"]).sync()
        assert caught.value.stdout == "***"
        return await made.with_exec(
            ["sh", "-c", "echo $A; cat /b; echo; echo $C >&2; env"], redirect_stdout="/out"
        ).stdout()

    assert "***\n***\n" in bench.run(program)
    patterns = [word for secret in plain.values() for word in ("-e", secret)]
    written = ["find", str(bench.store), "-type", "f", "-newer", str(tmp_path / "secret"), "-size", "-64M"]
    search = [*written, "-exec", "grep", "-laF", *patterns, "{}", "+"]
    assert subprocess.run(written, capture_output=True, check=True).stdout
    assert subprocess.run(search, capture_output=True, text=True, check=False).stdout == ""


def test_another_value_of_a_secret_executes_again(bench: Bench, word: str) -> None:
    """A secret counts by its value, whatever its name is."""

    async def program() -> list[str]:
        secrets = [dag.set_secret("name", "12345"), dag.set_secret("name", "1234567"), dag.set_secret("other", "12345")]
        made = [container(word).with_secret_variable("TOKEN", secret) for secret in secrets]
        return [await each.with_exec(["sh", "-c", "echo ${#TOKEN}"]).stdout() for each in made]

    assert bench.run(program) == ["5\n", "7\n", "5\n"]
    assert bench.executed() == 2
