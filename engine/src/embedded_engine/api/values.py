"""The values behind the objects of the API: frozen, hashable by content, their file systems lazy."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from embedded_engine.graph import Execution, FsNode, Scratch
from embedded_engine.graph.process import (
    CacheMount,
    Mount,
    Port,
    SecretMount,
    Service,
    Sharing,
    SocketMount,
    TmpfsMount,
    TreeMount,
)
from embedded_engine.images.config import Healthcheck, ImageConfig
from embedded_engine.secrets import Secret
from embedded_engine.tunnels import Tunnel, TunnelError

SCRATCH = Scratch()


@dataclass(frozen=True)
class DirectoryValue:
    """A directory: a place in a file system."""

    TYPE: ClassVar[str] = "Directory"

    fs: FsNode = SCRATCH
    path: str = "/"

    def at(self, path: str) -> str:
        """The absolute path, within the file system, of a path in this directory.

        `..` leads from a part of a directory to the whole, as on Dagger, and never above the file system's root.
        """
        return posixpath.normpath(f"{self.path}/{path}").replace("//", "/")


@dataclass(frozen=True)
class FileValue:
    """A file: a path in a file system. `name` is what it is called where that differs from the path's last part."""

    TYPE: ClassVar[str] = "File"

    fs: FsNode
    path: str

    @property
    def name(self) -> str:
        """The last part of its path."""
        return posixpath.basename(self.path)


@dataclass(frozen=True)
class SecretValue:
    """A secret, by reference."""

    TYPE: ClassVar[str] = "Secret"

    secret: Secret


@dataclass(frozen=True)
class CacheVolumeValue:
    """A cache volume: its key names it in the store; the rest is how it is used and first filled."""

    TYPE: ClassVar[str] = "CacheVolume"

    volume: str
    sharing: Sharing = Sharing.SHARED
    source: DirectoryValue | None = None
    owner: str = ""


@dataclass(frozen=True)
class PortValue:
    """A port that a container or service exposes."""

    TYPE: ClassVar[str] = "Port"

    port: int
    protocol: str = "TCP"
    description: str | None = None
    experimental_skip_healthcheck: bool = False


@dataclass(frozen=True)
class EnvVariableValue:
    """One environment variable."""

    TYPE: ClassVar[str] = "EnvVariable"

    name: str
    value: str


@dataclass(frozen=True)
class LabelValue:
    """One label of an image."""

    TYPE: ClassVar[str] = "Label"

    name: str
    value: str


@dataclass(frozen=True)
class HealthcheckValue:
    """A container's health check; durations as Go writes them (`30s`)."""

    TYPE: ClassVar[str] = "HealthcheckConfig"

    args: tuple[str, ...]
    shell: bool
    interval: str
    timeout: str
    start_period: str
    start_interval: str
    retries: int


@dataclass(frozen=True)
class ContainerValue:
    """A container that may be run, changed, published or turned into a service."""

    TYPE: ClassVar[str] = "Container"

    fs: FsNode = SCRATCH
    config: ImageConfig = field(default_factory=ImageConfig)
    mounts: tuple[Mount, ...] = ()
    secret_env: tuple[tuple[str, Secret], ...] = ()
    bindings: tuple[tuple[str, Service], ...] = ()
    ports: tuple[Port, ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()
    image_ref: str = ""
    execution: Execution | None = None
    sockets: tuple[SocketMount, ...] = ()
    secret_files: tuple[SecretMount, ...] = ()
    volatile_env: tuple[tuple[str, str], ...] = ()

    def configured(self, **changes: Any) -> ContainerValue:
        """The same container with changes to its image configuration."""
        return replace(self, config=replace(self.config, **changes), image_ref="")

    def absolute(self, path: str) -> str:
        """A path of the container, relative ones from its working directory."""
        return posixpath.normpath(posixpath.join("/", self.config.workdir, path)).replace("//", "/")

    def mount_over(self, path: str) -> Mount | None:
        """The innermost mount that an absolute path lies in."""
        covering = [mount for mount in self.mounts if path == mount.target or path.startswith(f"{mount.target}/")]
        return max(covering, key=lambda mount: len(mount.target), default=None)

    def without_mount(self, target: str) -> ContainerValue:
        """The same container without what is mounted at exactly this path."""
        mounts = tuple(each for each in self.mounts if each.target != target)
        return replace(self, mounts=mounts, secret_files=_without(self.secret_files, target), image_ref="")

    def with_secret_file(self, mount: SecretMount) -> ContainerValue:
        """The same container with a secret as a file; such files lie over every other mount."""
        return replace(self, secret_files=(*_without(self.secret_files, mount.target), mount), image_ref="")

    def with_mount(self, mount: Mount) -> ContainerValue:
        """The same container with a mount, in place of those at the same path and below it."""
        below = f"{mount.target.rstrip('/')}/"
        others = tuple(
            each for each in self.mounts if each.target != mount.target and not each.target.startswith(below)
        )
        return replace(self, mounts=(*others, mount), image_ref="")


def _without(files: tuple[SecretMount, ...], target: str) -> tuple[SecretMount, ...]:
    return tuple(each for each in files if each.target != target)


@dataclass(frozen=True)
class ServiceValue:
    """A service of the session: a container's, or a tunnel from this machine to one; started when it is needed."""

    TYPE: ClassVar[str] = "Service"

    service: Service | Tunnel

    @property
    def contained(self) -> Service:
        """The container's service; a tunnel is none, and cannot be bound to a container."""
        if isinstance(self.service, Tunnel):
            raise TunnelError("a tunnel is for this machine: bind the service that it leads to")
        return self.service


__all__ = [
    "SCRATCH",
    "CacheMount",
    "CacheVolumeValue",
    "ContainerValue",
    "DirectoryValue",
    "EnvVariableValue",
    "FileValue",
    "Healthcheck",
    "HealthcheckValue",
    "LabelValue",
    "PortValue",
    "SecretMount",
    "SecretValue",
    "ServiceValue",
    "TmpfsMount",
    "TreeMount",
]
