"""A small GitHub of each test's own, and the client's view of it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from ci.github import GitHub
from ci.github.retries import Patience
from github_server import REPOSITORY, TOKEN, GitHubServer

IMPATIENT = Patience(attempts=4, first_pause=0.01, limited=0.01, longest_pause=2.0, request=30.0, whole=120.0)


@dataclass(frozen=True)
class Plain:
    """A token that is at hand."""

    text: str = TOKEN

    async def plaintext(self) -> str:
        """Give it."""
        return self.text


@pytest.fixture
def server() -> Iterator[GitHubServer]:
    """A GitHub with one repository: main and develop at their first commit."""
    with GitHubServer().running() as running:
        running.state.refs["refs/heads/main"] = running.state.add_commit("first")
        running.state.refs["refs/heads/develop"] = running.state.add_commit("first")
        yield running


@pytest.fixture
def github(server: GitHubServer) -> GitHub:
    """The repository, with a token that may do everything."""
    return GitHub(REPOSITORY, Plain(), server.url, IMPATIENT)


@pytest.fixture
def with_token(github: GitHub) -> object:
    """The same repository with another token."""
    return lambda text: replace(github, token=Plain(text))
