"""A session of the embedded engine, Dagger programs that use it, and a root made of this machine's programs."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import dagger
import pytest
from dagger import dag

from embedded_engine.testing import embedded_session
from machine_programs import copy_programs


@pytest.fixture(scope="session")
def workdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the session was started: relative paths of the host begin there."""
    return tmp_path_factory.mktemp("workdir")


@pytest.fixture(scope="session")
def session(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, workdir: Path) -> Iterator[None]:
    """One session with a store of its own for all of these tests; with `--engine dagger` one of the real engine."""
    if request.config.getoption("--engine") == "dagger":
        with contextlib.chdir(workdir):
            yield
    else:
        with embedded_session(store=tmp_path_factory.mktemp("store"), workdir=workdir):
            yield


@pytest.fixture
def embedded_only(request: pytest.FixtureRequest) -> None:
    """For what the real engine does otherwise: refusals by name, and errors that say what to do."""
    if request.config.getoption("--engine") == "dagger":
        pytest.skip("the embedded engine's own")


@pytest.fixture
async def connected(session: None) -> AsyncIterator[None]:
    """The SDK is connected: `dag` works."""
    async with dagger.connection():
        yield


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with a few of this machine's programs and their libraries: enough to run a shell."""
    root = tmp_path_factory.mktemp("programs")
    copy_programs(root, ("sh", "cat", "echo", "ls", "stat", "date", "docker-registry", "curl", "git", "sleep"))
    (root / "etc").mkdir()
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\napp:x:1000:\n")
    (root / "tmp").mkdir()
    return root


@pytest.fixture
def machine(connected: None, programs: Path) -> Callable[[], dagger.Container]:
    """A container with these programs."""

    def make() -> dagger.Container:
        return dag.container().with_rootfs(dag.host().directory(str(programs)))

    return make
