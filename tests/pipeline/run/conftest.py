"""A repository that a test commits to, a registry, and a GitHub."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import dagger
import pytest
import pytest_asyncio

from github_server import GitHubServer
from registry import LocalRegistry
from run_world import Clone, World, small_project


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def connection(engine_session: None) -> AsyncIterator[None]:
    """The functions' client, connected to an engine."""
    async with dagger.connection():
        yield


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """A small project with one commit."""
    return small_project(tmp_path / "clone")


@pytest.fixture
def server() -> Iterator[GitHubServer]:
    """GitHub, with a repository of its own for each test."""
    with GitHubServer().running() as found:
        yield found


@pytest.fixture
def world(connection: None, registry: LocalRegistry, server: GitHubServer) -> World:
    """A registry and a GitHub that nobody has written to."""
    return World(registry, server)
