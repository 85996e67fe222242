"""One session for all of these programs, on the embedded engine or on a real one: `--engine embedded|dagger`."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import dagger
import pytest
import pytest_asyncio
from dagger import dag

from embedded_engine.testing import embedded_session

HERE = Path(__file__).parent
CLI_VARIABLE = "_EXPERIMENTAL_DAGGER_CLI_BIN"
IMAGE = "python:3.13-slim"

Run = Callable[[str], Awaitable[str]]
Failure = Callable[[Awaitable[object]], Awaitable[str]]
ExecutionFailure = Callable[[Awaitable[object]], Awaitable[tuple[int, str, str]]]
# What the real engine adds to an error, for those who look its trace up.
_TRACE = re.compile(r" \[traceparent:[0-9a-f-]+\]")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run every program of this folder in one event loop: the SDK's connection belongs to one."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> str:
    """The engine that the programs run on: `embedded` or `dagger`."""
    return str(request.config.getoption("--engine"))


@pytest.fixture(scope="session")
def session(engine: str) -> Iterator[None]:
    """An engine to connect to, one for all of these programs."""
    if engine == "dagger":
        _find_dagger()
        yield
        return
    store = Path(os.environ["CI_ENGINE_STORE"]) if "CI_ENGINE_STORE" in os.environ else None
    with embedded_session(store=store):
        yield


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def connection(session: None) -> AsyncIterator[None]:
    """Connect the SDK's global client; tests of other folders find it closed."""
    ready, done = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        """Open and close the connection in one task, as its cancel scopes ask for."""
        async with dagger.connection():
            ready.set()
            await done.wait()

    holding = asyncio.create_task(hold())
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({holding, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if holding.done():
        holding.result()
    yield
    done.set()
    await holding


def _find_dagger() -> None:
    """Have the SDK use the machine's own CLI. It would download one, if it were left to itself."""
    if "DAGGER_SESSION_PORT" in os.environ or CLI_VARIABLE in os.environ:
        return
    found = shutil.which("dagger")
    if found is None:
        pytest.exit(f"--engine dagger: no `dagger` on PATH, no {CLI_VARIABLE} and no DAGGER_SESSION_PORT", 2)
    os.environ[CLI_VARIABLE] = found


@pytest.fixture
def python() -> dagger.Container:
    """A container with a shell, coreutils and Python."""
    return dag.container().from_(IMAGE)


@pytest.fixture
def run(python: dagger.Container) -> Run:
    """Run a shell script in that container and give what it wrote."""

    async def script(text: str) -> str:
        return await python.with_exec(["sh", "-c", text]).stdout()

    return script


@pytest.fixture
def unique() -> str:
    """A word that no run before this one has used: with it in the environment, nothing is found in a cache."""
    return uuid.uuid4().hex


@pytest.fixture
def fresh(python: dagger.Container, unique: str) -> dagger.Container:
    """A container that no execution was ever done in."""
    return python.with_env_variable("UNIQUE", unique)


@pytest.fixture
def failure() -> Failure:
    """Wait for a program that must fail, and give the text of its error."""

    async def text(program: Awaitable[object]) -> str:
        with pytest.raises(dagger.QueryError) as caught:
            await program
        return _TRACE.sub("", str(caught.value))

    return text


@pytest.fixture
def execution_failure() -> ExecutionFailure:
    """Wait for a program whose execution must fail, and give its exit code and what it wrote on both streams."""

    async def streams(program: Awaitable[object]) -> tuple[int, str, str]:
        with pytest.raises(dagger.ExecError) as caught:
            await program
        return (caught.value.exit_code, caught.value.stdout, caught.value.stderr)

    return streams
