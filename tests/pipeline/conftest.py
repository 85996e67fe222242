"""An engine and a registry for the tests that need them."""

import importlib
import os
from collections.abc import Iterator
from unittest import mock

import pytest

from embedded_session import SESSION, embedded_session
from registry import LocalRegistry, running_registry

# When it is imported, commitizen switches off every logger that there is: those of the service, too.
with mock.patch("logging.config.dictConfig"):
    importlib.import_module("commitizen")


@pytest.fixture(scope="session")
def engine_session() -> Iterator[None]:
    """The session that the tests were started in (`dagger run pytest`, `ci session -- pytest`), else an embedded one."""
    if SESSION[0] in os.environ:
        yield
        return
    with embedded_session() as variables, pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRegistry]:
    """A registry that is open to everybody; each test has a repository of its own there."""
    with running_registry(tmp_path_factory.mktemp("registry")) as found:
        yield found
