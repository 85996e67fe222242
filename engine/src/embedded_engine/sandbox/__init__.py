"""Containers without a daemon: an OCI runtime under a supervisor of the session's own namespaces."""

from __future__ import annotations

from embedded_engine.sandbox.errors import SandboxError, StartError
from embedded_engine.sandbox.running import Running
from embedded_engine.sandbox.sandbox import Sandbox
from embedded_engine.sandbox.spec import (
    BindMount,
    ContainerSpec,
    Exit,
    HostNames,
    Mount,
    Overlay,
    OverlayMount,
    SecretMount,
    SocketMount,
    TmpfsMount,
)

__all__ = [
    "BindMount",
    "ContainerSpec",
    "Exit",
    "HostNames",
    "Mount",
    "Overlay",
    "OverlayMount",
    "Running",
    "Sandbox",
    "SandboxError",
    "SecretMount",
    "SocketMount",
    "StartError",
    "TmpfsMount",
]
