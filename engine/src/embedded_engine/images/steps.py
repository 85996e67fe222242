"""What a stage of a Dockerfile does, with every variable expanded: the seam between a Dockerfile and the graph."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

from embedded_engine.images.config import ImageConfig

_REPOSITORY = re.compile(r"\.git(#.*)?$")


@dataclass(frozen=True)
class Context:
    """The build context."""


@dataclass(frozen=True)
class StageRef:
    """An earlier stage of the same Dockerfile, by its number."""

    index: int


@dataclass(frozen=True)
class ImageRef:
    """An image, as it is written, for a platform. `line` is where."""

    reference: str
    line: int
    platform: str = ""


@dataclass(frozen=True)
class Scratch:
    """Nothing: an empty file system without configuration, for a platform."""

    platform: str = ""


Base = StageRef | ImageRef | Scratch
Origin = Context | StageRef | ImageRef | Scratch


@dataclass(frozen=True)
class BindMount:
    """Files of another tree, seen by one command. What it writes to them is lost. `target` is absolute."""

    target: str
    origin: Origin
    source: str = "/"
    read_only: bool = True


class Sharing(enum.StrEnum):
    """Who may use a cache at the same time."""

    SHARED = "shared"
    PRIVATE = "private"
    LOCKED = "locked"


@dataclass(frozen=True)
class CacheMount:
    """A directory that outlives the build. `origin` and `source` fill it the first time, if there is one."""

    target: str
    id: str
    sharing: Sharing = Sharing.SHARED
    read_only: bool = False
    origin: Origin | None = None
    source: str = "/"
    mode: int = 0o755
    uid: int = 0
    gid: int = 0


@dataclass(frozen=True)
class TmpfsMount:
    """An empty directory in memory; `size` in bytes, 0 for the default."""

    target: str
    size: int = 0


@dataclass(frozen=True)
class SecretMount:
    """A secret as a file at `target`, as a variable `env`, or both. A missing one is an error only if `required`."""

    id: str
    target: str | None
    env: str | None = None
    required: bool = False
    mode: int = 0o400
    uid: int = 0
    gid: int = 0


@dataclass(frozen=True)
class SshMount:
    """A socket of an agent for SSH at `target`. A missing one is an error only if `required`."""

    target: str
    required: bool = False
    mode: int = 0o600
    uid: int = 0
    gid: int = 0


Mount = BindMount | CacheMount | TmpfsMount | SecretMount | SshMount


@dataclass(frozen=True)
class Remote:
    """A file of the web or a git repository (with `#ref:directory`), to be fetched. `checksum` is empty or expected."""

    url: str
    checksum: str = ""
    keep_git_dir: bool = False
    unpack: bool = False

    @property
    def is_git(self) -> bool:
        """Whether it is a repository rather than a file."""
        return not self.url.startswith(("http://", "https://")) or _REPOSITORY.search(self.url) is not None


@dataclass(frozen=True)
class InlineFile:
    """A file whose content stands in the Dockerfile. For a command an absolute path that is there only while it runs."""

    path: str
    content: bytes
    mode: int = 0o644


@dataclass(frozen=True)
class Run:
    """Run a command. `env` is the whole environment, build arguments included; nothing else of it is inherited.

    `network` is `default`, `none` or `host`; `insecure` asks for all capabilities. `label` is the instruction.
    """

    args: tuple[str, ...]
    env: tuple[tuple[str, str], ...]
    user: str
    workdir: str
    mounts: tuple[Mount, ...]
    files: tuple[InlineFile, ...]
    network: str
    insecure: bool
    line: int
    label: str


@dataclass(frozen=True)
class Copy:
    """Copy files. `sources` are relative to the root of `origin`, with wildcards; `files` join them.

    `destination` is absolute and ends with `/` when it must be a directory. `owner` is `user[:group]` by name or number;
    None keeps what the origin has (files of the context are root's). `chmod` is octal. With `unpack` a source that is a
    tar archive is unpacked into the destination. `remotes` join the sources.
    """

    origin: Origin
    sources: tuple[str, ...]
    destination: str
    files: tuple[InlineFile, ...]
    owner: str | None
    chmod: str | None
    exclude: tuple[str, ...]
    parents: bool
    link: bool
    unpack: bool
    line: int
    label: str
    remotes: tuple[Remote, ...] = ()


@dataclass(frozen=True)
class MakeDirectory:
    """Make a directory with its parents, mode 0755, owned by `owner` (empty for root), unless it exists (WORKDIR)."""

    path: str
    owner: str
    line: int
    label: str


Step = Run | Copy | MakeDirectory


@dataclass(frozen=True)
class Evaluated:
    """A stage on its base: what it does, the configuration it ends with, the variables that child stages inherit."""

    steps: tuple[Step, ...]
    config: ImageConfig
    environment: tuple[tuple[str, str], ...]
