"""Images to push, stores to pull them into, a proxy that does wrong, and what every test of registries begins with."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from embedded_engine.images import registry as registry_module
from embedded_engine.store import EMPTY, LayerWriter, Store, Tree
from registry import LocalRegistry, running_registry
from registry_proxy import Proxy, proxy_before


@pytest.fixture(autouse=True)
def quick_and_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No waiting between attempts, and no logins of whoever runs the tests."""
    monkeypatch.setattr(registry_module, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(registry_module, "_LONGEST_PAUSE", 0.02)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))


@pytest.fixture
def proxy(registry: LocalRegistry) -> Iterator[Proxy]:
    """What the engine takes for the registry."""
    with proxy_before(registry) as found:
        yield found


@pytest.fixture(scope="session")
def tls_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A registry by TLS, with a certificate that nobody signed: `host:port`, certificate."""
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=test"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*request, *names], check=True, capture_output=True)
    with running_registry(folder, tls=(certificate, key)) as found:
        yield found.host, certificate


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
