"""The module that servers import."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from fastapi import FastAPI

from app import main
from app.version import release


@pytest.fixture(autouse=True)
def fresh_module(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forget the application that another test has made, and leave the logging of the tests alone."""
    monkeypatch.setattr(main, "configure_logging", lambda _: None)
    main._configured_app.cache_clear()
    yield
    main._configured_app.cache_clear()


def test_the_application_is_made_once_and_when_asked_for() -> None:
    """`app` is found by a server that looks for it, and is the same at every look."""
    assert "app" in dir(main)
    assert isinstance(main.app, FastAPI)
    assert main.app is main.app


def test_unusable_settings_end_the_process_with_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is started with bad settings says which, without a traceback."""
    monkeypatch.setenv("ENVIRONMENT", "production")
    monkeypatch.setenv("DATABASE_URL", "postgresql://host/items")
    with pytest.raises(SystemExit, match=r"^The settings are not usable: SECRET_KEY must be set"):
        _ = main.app


def test_other_names_are_not_there() -> None:
    """The module makes up nothing but `app`."""
    with pytest.raises(AttributeError, match="application"):
        _ = main.application


def test_importing_reads_no_environment() -> None:
    """Nothing happens at import: even impossible settings do not hinder it."""
    environment = {"ENVIRONMENT": "nowhere", "PYTHONPATH": ":".join(sys.path)}
    subprocess.run([sys.executable, "-c", "import app.main"], env=environment, check=True)


def test_a_source_tree_without_installation_has_a_version_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The version is the installed package's, else the word for none."""
    monkeypatch.setattr("app.version._PACKAGE", "no-such-package")
    assert release() == "unreleased"
