"""What a container is started with, whether it runs to its end (an execution) or stays (a service)."""

from __future__ import annotations

import asyncio
import enum
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from embedded_engine.graph.identity import fingerprint
from embedded_engine.graph.node import FsNode
from embedded_engine.images.config import Healthcheck
from embedded_engine.secrets import Secret

if TYPE_CHECKING:
    from embedded_engine.graph.graph import Graph


class Sharing(enum.Enum):
    """Who may write to a cache volume at the same time. PRIVATE takes turns too, as the real engine has it today."""

    SHARED = "SHARED"
    PRIVATE = "PRIVATE"
    LOCKED = "LOCKED"


@dataclass(frozen=True)
class TreeMount:
    """A directory or file of another file system, mounted writable: what is written stays out of the rootfs."""

    target: str
    fs: FsNode
    path: str = "/"
    is_file: bool = False
    read_only: bool = False


@dataclass(frozen=True)
class CacheMount:
    """A cache volume. Its content outlives executions and never counts in a key.

    With `apart`, a volume of another source, owner or sharing is another volume, whatever its name.
    """

    target: str
    volume: str
    sharing: Sharing = Sharing.SHARED
    source: FsNode | None = None
    source_path: str = "/"
    owner: str = ""
    mode: int | None = None
    apart: bool = False


@dataclass(frozen=True)
class TmpfsMount:
    """An empty file system in memory, of at most `size` bytes (0: the kernel's default)."""

    target: str
    size: int = 0


@dataclass(frozen=True)
class SecretMount:
    """A secret as a file, in memory only."""

    target: str
    secret: Secret
    owner: str = ""
    mode: int = 0o400


@dataclass(frozen=True)
class SocketMount:
    """A Unix socket of this machine at `target`, given to `owner` if one is named. Who answers is no part of a key."""

    target: str
    path: str
    owner: str = ""


Mount = TreeMount | CacheMount | TmpfsMount | SecretMount | SocketMount


@dataclass(frozen=True)
class Port:
    """A port that a container listens on. A service is ready when its TCP ports accept, unless told to skip."""

    port: int
    protocol: str = "TCP"
    description: str | None = None
    skip_healthcheck: bool = False


@dataclass(frozen=True)
class Process:
    """Everything that decides what a container does: file systems, command, environment, account, neighbours."""

    rootfs: FsNode
    args: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()
    cwd: str = "/"
    user: str = ""
    mounts: tuple[Mount, ...] = ()
    secret_env: tuple[tuple[str, Secret], ...] = ()
    volatile_env: tuple[tuple[str, str], ...] = ()
    bindings: tuple[tuple[str, Service], ...] = ()
    stdin: str | None = None
    no_init: bool = False
    insecure_root_capabilities: bool = False
    network: bool = True
    platform: str = ""

    async def secret_values(self, graph: Graph) -> list[bytes]:
        """The values of the secrets that are given to it, the host's logins among them: its output must not show them."""
        from embedded_engine.sandbox.host_settings import HostSettings

        files = (mount.secret for mount in self.mounts if isinstance(mount, SecretMount))
        given = [await graph.secrets.value(secret) for secret in (*files, *(secret for _, secret in self.secret_env))]
        return [*given, *HostSettings.read(os.environ).secrets]

    async def key(self, graph: Graph) -> str:
        """The key of everything that goes in, each part by its content."""
        # What is to be made for them is made at the same time.
        rootfs, *mounts = await asyncio.gather(
            graph.key(self.rootfs), *(_mount_key(graph, mount) for mount in self.mounts)
        )
        secrets = [(name, await graph.secrets.key(secret)) for name, secret in self.secret_env]
        volatile = [name for name, _ in self.volatile_env]
        bindings = [(alias, await service.key(graph)) for alias, service in self.bindings]
        settings = (self.args, self.env, volatile, self.cwd, self.user, self.stdin, self.platform)
        isolation = (self.no_init, self.insecure_root_capabilities, self.network)
        return fingerprint("process", rootfs, mounts, secrets, bindings, settings, isolation)


@dataclass(frozen=True)
class HostPorts:
    """Ports of this machine that containers reach as a service: (front, back), of `host` as this machine sees it."""

    host: str
    forwards: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Service:
    """A process that others reach by name while it runs. Equal services are one instance in a session.

    With `host` it is ports of this machine, and the process is none.
    """

    process: Process
    ports: tuple[Port, ...] = ()
    healthcheck: Healthcheck | None = None
    hostname: str = ""
    host: HostPorts | None = None
    digest: str = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        parts = (self.process, self.ports, self.healthcheck, self.hostname, self.host)
        object.__setattr__(self, "digest", fingerprint("service", *parts))

    async def key(self, graph: Graph) -> str:
        """The key of what the service is; its run-time state has none."""
        settings = (self.ports, self.healthcheck, self.hostname, self.host)
        return fingerprint("service", await self.process.key(graph), settings)


async def _mount_key(graph: Graph, mount: Mount) -> tuple[str, ...]:
    match mount:
        case TreeMount():
            content = await graph.content(mount.fs, mount.path)
            return ("tree", mount.target, content, str(mount.is_file), str(mount.read_only))
        case CacheMount():
            source = await graph.content(mount.source, mount.source_path) if mount.source else ""
            return ("cache", mount.target, mount.volume, mount.sharing.name, mount.owner, source)
        case TmpfsMount():
            return ("tmpfs", mount.target, str(mount.size))
        case SecretMount():
            return ("secret", mount.target, await graph.secrets.key(mount.secret), mount.owner, str(mount.mode))
        case SocketMount():
            return ("socket", mount.target, mount.owner)
