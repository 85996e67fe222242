"""The configuration of an image: what a container made from it runs, and how, unless told otherwise."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from embedded_engine.images.errors import ImageError

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}


def host_architecture() -> str:
    """The machine's architecture by its OCI name, such as `amd64`."""
    machine = platform.machine()
    return _ARCHITECTURES.get(machine, machine)


@dataclass(frozen=True)
class Healthcheck:
    """How a container tells that it is healthy. Times are nanoseconds, 0 means "not set", as in OCI documents.

    `test` begins with `NONE`, `CMD` (the arguments follow) or `CMD-SHELL` (one shell command follows).
    """

    test: tuple[str, ...]
    interval: int = 0
    timeout: int = 0
    start_period: int = 0
    start_interval: int = 0
    retries: int = 0

    @classmethod
    def from_oci(cls, document: Mapping[str, Any]) -> Self:
        """Read the `Healthcheck` object of a Docker image configuration."""
        return cls(
            test=tuple(document.get("Test") or ()),
            interval=document.get("Interval") or 0,
            timeout=document.get("Timeout") or 0,
            start_period=document.get("StartPeriod") or 0,
            start_interval=document.get("StartInterval") or 0,
            retries=document.get("Retries") or 0,
        )

    def to_oci(self) -> dict[str, Any]:
        """Write it as Docker does: what is not set is left out."""
        times = {
            "Interval": self.interval,
            "Timeout": self.timeout,
            "StartPeriod": self.start_period,
            "StartInterval": self.start_interval,
            "Retries": self.retries,
        }
        return {"Test": list(self.test)} | {name: value for name, value in times.items() if value}


@dataclass(frozen=True)
class ImageConfig:
    """An OCI image configuration without its layers and history.

    Pairs keep their order. `None` for `entrypoint` or `cmd` means "not set", which differs from an empty list.
    `exposed_ports` are as OCI writes them (`8000/tcp`).
    """

    env: tuple[tuple[str, str], ...] = ()
    user: str = ""
    workdir: str = ""
    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    labels: tuple[tuple[str, str], ...] = ()
    exposed_ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    stop_signal: str = ""
    healthcheck: Healthcheck | None = None
    shell: tuple[str, ...] = ()
    on_build: tuple[str, ...] = ()
    os: str = "linux"
    architecture: str = field(default_factory=host_architecture)
    variant: str = ""

    @property
    def platform(self) -> str:
        """`linux/amd64`, or with a variant `linux/arm/v7`."""
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)

    def get_env(self, name: str) -> str | None:
        """The value of one variable, or None where it is not set."""
        return dict(self.env).get(name)

    def with_env(self, name: str, value: str) -> Self:
        """Set one variable: in its place where it exists, else at the end."""
        return replace(self, env=_with_pair(self.env, name, value))

    def with_label(self, name: str, value: str) -> Self:
        """Set one label: in its place where it exists, else at the end."""
        return replace(self, labels=_with_pair(self.labels, name, value))

    @classmethod
    def from_oci(cls, document: Mapping[str, Any]) -> Self:
        """Read an image configuration document (`application/vnd.oci.image.config.v1+json` or Docker's)."""
        config = document.get("config") or {}
        healthcheck = config.get("Healthcheck")
        try:
            return cls(
                env=tuple(_pair(entry) for entry in config.get("Env") or ()),
                user=config.get("User") or "",
                workdir=config.get("WorkingDir") or "",
                entrypoint=_optional_tuple(config.get("Entrypoint")),
                cmd=_optional_tuple(config.get("Cmd")),
                labels=tuple((config.get("Labels") or {}).items()),
                exposed_ports=tuple(_port(name) for name in config.get("ExposedPorts") or ()),
                volumes=tuple(config.get("Volumes") or ()),
                stop_signal=config.get("StopSignal") or "",
                healthcheck=Healthcheck.from_oci(healthcheck) if healthcheck else None,
                shell=tuple(config.get("Shell") or ()),
                on_build=tuple(config.get("OnBuild") or ()),
                os=document.get("os") or "linux",
                architecture=document.get("architecture") or host_architecture(),
                variant=document.get("variant") or "",
            )
        except (AttributeError, TypeError, ValueError) as error:
            raise ImageError(f"the image's configuration is not valid: {error}") from error

    def to_oci(self) -> dict[str, Any]:
        """Write the document's `architecture`, `os`, `variant` and `config`; `rootfs` and `history` come with layers."""
        config: dict[str, Any] = {}
        if self.env:
            config["Env"] = [f"{name}={value}" for name, value in self.env]
        if self.entrypoint is not None:
            config["Entrypoint"] = list(self.entrypoint)
        if self.cmd is not None:
            config["Cmd"] = list(self.cmd)
        if self.healthcheck is not None:
            config["Healthcheck"] = self.healthcheck.to_oci()
        config |= {name: value for name, value in (("User", self.user), ("WorkingDir", self.workdir)) if value}
        config |= {name: dict(value) for name, value in (("Labels", self.labels),) if value}
        config |= {
            name: {entry: {} for entry in value}
            for name, value in (("ExposedPorts", self.exposed_ports), ("Volumes", self.volumes))
            if value
        }
        if self.stop_signal:
            config["StopSignal"] = self.stop_signal
        config |= {name: list(value) for name, value in (("Shell", self.shell), ("OnBuild", self.on_build)) if value}
        document: dict[str, Any] = {"architecture": self.architecture, "os": self.os, "config": config}
        return document | ({"variant": self.variant} if self.variant else {})


def _with_pair(pairs: Iterable[tuple[str, str]], name: str, value: str) -> tuple[tuple[str, str], ...]:
    """Replace a pair where its name stands, or add it."""
    return tuple((dict(pairs) | {name: value}).items())


def _pair(entry: str) -> tuple[str, str]:
    """`NAME=value` as a pair; a bare name has an empty value."""
    name, _, value = entry.partition("=")
    return name, value


def _port(name: str) -> str:
    """`80` means `80/tcp`."""
    return name if "/" in name else f"{name}/tcp"


def _optional_tuple(value: Iterable[str] | None) -> tuple[str, ...] | None:
    """A list, or nothing: Docker writes null for what is not set."""
    return None if value is None else tuple(value)
