"""What to run and what became of it: the sandbox's vocabulary, in plain paths and numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Overlay:
    """A stack of directories seen as one. `lowers` are read-only, bottom first, and may be empty.

    What is written goes to `upper`, in overlayfs format; `work` is an empty directory on the same file system. Without
    an upper the stack is read-only.
    """

    lowers: tuple[Path, ...]
    upper: Path | None = None
    work: Path | None = None


@dataclass(frozen=True)
class BindMount:
    """A directory or file of the host, such as a cache volume, at `target`."""

    source: Path
    target: str
    read_only: bool = False


@dataclass(frozen=True)
class OverlayMount:
    """A stack of its own at `target`, or the directory or file at `subpath` of it."""

    target: str
    overlay: Overlay
    subpath: str = "/"
    read_only: bool = False


@dataclass(frozen=True)
class TmpfsMount:
    """Memory as a directory at `target`; `size` in bytes, the kernel's default (half of the memory) when None."""

    target: str
    size: int | None = None


@dataclass(frozen=True)
class SecretMount:
    """A file that exists only in memory and only for this container."""

    target: str
    data: bytes = field(repr=False)
    uid: int = 0
    gid: int = 0
    mode: int = 0o400


@dataclass(frozen=True)
class SocketMount:
    """A Unix socket of the host at `target`."""

    source: Path
    target: str


Mount = BindMount | OverlayMount | TmpfsMount | SecretMount | SocketMount

HostNames = tuple[tuple[str, tuple[str, ...]], ...]
"""Lines of an /etc/hosts: an address and the names that mean it."""


@dataclass(frozen=True)
class ContainerSpec:
    """One container. `id` is unique in its session; `uid`, `gid` and `groups` are numbers of the container.

    `args` is the whole command line; its first word is looked up on the container's PATH. `stdin` is what the program
    reads (nothing when None). Output is appended to `stdout` and `stderr`, which are made when missing and may be the
    same file. A missing `cwd` is created. `memory` bounds it in bytes where the machine has memory cgroups.

    Mounts are made in their order, so that a later one can lie inside an earlier one. `host_settings` lets the host's
    CA bundle, proxy and package index settings reach it where `env` does not set them.
    """

    id: str
    rootfs: Overlay
    args: tuple[str, ...]
    stdout: Path
    stderr: Path
    env: tuple[tuple[str, str], ...] = ()
    cwd: str = "/"
    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = ()
    mounts: tuple[Mount, ...] = ()
    hosts: HostNames = ()
    hostname: str | None = None
    init: bool = True
    insecure_root_capabilities: bool = False
    stdin: bytes | Path | None = field(default=None, repr=False)
    memory: int | None = None
    network: bool = True
    host_settings: bool = True


@dataclass(frozen=True)
class Exit:
    """How a program ended, after `seconds`.

    `code` is its exit code, or 128 + the signal that ended it, as a shell says it. `signal` is the name of that signal,
    such as `SIGKILL`, where the container's first process got it; an init passes its child's end on as a code only.
    `oom_killed` says that the kernel ran out of memory (of the container or of the machine) and killed it
    or one of its children; it is False where the machine has no memory cgroups.
    """

    code: int
    signal: str | None = None
    oom_killed: bool = False
    seconds: float = 0.0
