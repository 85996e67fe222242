"""Registries on loopback, for whoever pushes and pulls."""

from collections.abc import Iterator

import pytest

from registry import LocalRegistry, running_registry


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRegistry]:
    """A registry that is open to everybody; each test has a repository of its own there."""
    with running_registry(tmp_path_factory.mktemp("registry")) as found:
        yield found


@pytest.fixture(scope="session")
def locked_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRegistry]:
    """A registry that wants a login."""
    with running_registry(tmp_path_factory.mktemp("locked"), locked=True) as found:
        yield found
