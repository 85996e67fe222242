"""Images to push, stores to pull them into, and what every test of registries begins with."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from embedded_engine.images import registry as registry_module
from embedded_engine.store import EMPTY, LayerWriter, Store, Tree


@pytest.fixture(autouse=True)
def quick_and_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No waiting between attempts, and no logins of whoever runs the tests."""
    monkeypatch.setattr(registry_module, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(registry_module, "_LONGEST_PAUSE", 0.02)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))


@pytest.fixture
def tree(store: Store) -> Tree:
    """Two layers; the second one hides a file of the first."""
    found = EMPTY
    changes: list[Callable[[LayerWriter], object]] = [
        lambda writer: (writer.write("/a/one", b"1" * 5000), writer.write("/two", b"2")),
        lambda writer: (writer.remove("/two"), writer.write("/three", b"3", mode=0o755, owner=(5, 6))),
    ]
    for change in changes:
        view = store.layers.union(found)
        with store.layers.stage(view) as staged:
            change(LayerWriter(view, staged))
            found = found.with_layer(staged.commit())
    return found


@pytest.fixture
def other_store(tmp_path: Path) -> Any:
    """The store of another machine, which has nothing yet."""
    with Store.open(tmp_path / "other") as opened:
        yield opened


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A repository of this test's own."""
    return "test/" + re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[:60].strip("-")
