"""Image configurations."""

from __future__ import annotations

from typing import Any

import pytest

from embedded_engine.images.config import Healthcheck, ImageConfig
from embedded_engine.images.errors import ImageError

DOCUMENT: dict[str, Any] = {
    "architecture": "arm",
    "os": "linux",
    "variant": "v7",
    "config": {
        "Env": ["PATH=/usr/bin:/bin", "EMPTY=", "EQUALS=a=b"],
        "Entrypoint": ["/entry"],
        "Cmd": [],
        "User": "1000:1000",
        "WorkingDir": "/srv",
        "Labels": {"b": "2", "a": "1"},
        "ExposedPorts": {"8000/tcp": {}, "53/udp": {}},
        "Volumes": {"/data": {}},
        "StopSignal": "SIGINT",
        "Healthcheck": {"Test": ["CMD-SHELL", "true"], "Interval": 5_000_000_000, "Retries": 3},
        "Shell": ["/bin/bash", "-c"],
        "OnBuild": ["RUN true"],
    },
}


def test_round_trip() -> None:
    """Everything that a configuration says survives reading and writing, order included."""
    config = ImageConfig.from_oci(DOCUMENT)
    assert config.to_oci() == DOCUMENT
    assert config.env == (("PATH", "/usr/bin:/bin"), ("EMPTY", ""), ("EQUALS", "a=b"))
    assert config.labels == (("b", "2"), ("a", "1"))
    assert config.cmd == ()
    assert config.platform == "linux/arm/v7"
    assert config.healthcheck == Healthcheck(("CMD-SHELL", "true"), interval=5_000_000_000, retries=3)


@pytest.mark.parametrize("document", [{}, {"config": None}, {"config": {"Cmd": None, "Env": None, "Labels": None}}])
def test_absent_parts(document: dict[str, Any]) -> None:
    """What a document leaves out or sets to null is "not set"."""
    assert ImageConfig.from_oci(document) == ImageConfig()


def test_port_without_protocol() -> None:
    """A port without a protocol is TCP."""
    assert ImageConfig.from_oci({"config": {"ExposedPorts": {"80": {}}}}).exposed_ports == ("80/tcp",)


def test_with_env_keeps_place() -> None:
    """A variable that is set again keeps its place; a new one goes to the end."""
    config = ImageConfig(env=(("A", "1"), ("B", "2"))).with_env("A", "3").with_env("C", "4")
    assert config.env == (("A", "3"), ("B", "2"), ("C", "4"))


def test_invalid_document() -> None:
    """A document of another shape is refused in one line."""
    with pytest.raises(ImageError, match="configuration is not valid"):
        ImageConfig.from_oci({"config": {"Env": [1]}})
