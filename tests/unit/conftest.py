"""Unit tests need nothing from the machine, and see nothing of its configuration."""

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from app.main import create_app
from app.settings import Settings
from service_client import client_of


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide the variables and the .env file of whoever runs the tests."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def default_recursion() -> Iterator[None]:
    """Let a request nest as deep as in a process of the service, whatever ran in this one before."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(1000)
    yield
    sys.setrecursionlimit(before)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service with default settings: development, everything in memory."""
    async with client_of(create_app(Settings())) as client:
        yield client
