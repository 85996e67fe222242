"""Streams of a process that come from, or go to, files of its container: on its file systems, volumes and secrets."""

from __future__ import annotations

import os
import posixpath
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from embedded_engine import sandbox
from embedded_engine.errors import EngineError
from embedded_engine.store import LayerWriter, StagedLayer, Union


class RedirectError(EngineError):
    """A stream that cannot come from, or go to, the file that is named for it."""


@dataclass
class Writable:
    """A stack that the process writes to: the layer beneath its hands, and what lies below that."""

    target: str
    root: str
    base: Union
    staged: StagedLayer
    read_only: bool = False

    @property
    def view(self) -> Union:
        """What the process finds: the stack with what has been written so far."""
        return LayerWriter(self.base, self.staged).view

    def inside(self, path: str) -> str:
        """Where an absolute path of the container, which lies in this mount, is in its file system."""
        return posixpath.normpath(f"{self.root}/{path[len(self.target.rstrip('/')) :]}")

    def write(self, path: str, content: bytes | BinaryIO, owner: tuple[int, int]) -> None:
        """Make or replace a file, readable by its owner alone; one that is there keeps its mode and owner."""
        LayerWriter(self.base, self.staged).write(self.inside(path), content, mode=0o600, owner=owner, truncate=True)


@dataclass
class Volume:
    """A cache volume: a directory of this machine whose links must not lead out of it."""

    target: str
    place: Path

    @property
    def view(self) -> Union:
        """What is in it."""
        return Union((self.place,))

    def inside(self, path: str) -> str:
        """Where an absolute path of the container is in the volume."""
        return posixpath.normpath(f"/{path[len(self.target.rstrip('/')) :]}")

    def write(self, path: str, content: bytes | BinaryIO, owner: tuple[int, int]) -> None:
        """Make or replace a file, as `Writable.write` does."""
        place = self.place / self.view.resolve(self.inside(path)).lstrip("/")
        existed = place.exists()
        with place.open("wb") as file:
            if not existed:
                place.chmod(0o600)
                os.chown(place, *owner)
            file.write(content if isinstance(content, bytes) else content.read())


@dataclass(frozen=True)
class Files:
    """The files of a container that its streams can be redirected to; `owner` is whom new ones belong to."""

    stacks: tuple[Writable, ...]
    mounts: tuple[sandbox.Mount, ...]
    owner: tuple[int, int] = (0, 0)

    def source(self, path: str) -> bytes | Path:
        """What standard input is read from, where it is to be the file at `path`."""
        found = self._covering(path)
        if isinstance(found, sandbox.SecretMount):
            return found.data
        if found is None or not found.view.exists(found.inside(path)):
            raise RedirectError(f"open redirect stdin file: open {path}: no such file or directory")
        return found.view.stat(found.inside(path)).real

    def open(self, name: str, path: str) -> None:
        """Make or empty the file at an absolute path of the container that the stream `name` goes to.

        It belongs to the process's user alone unless it is there already; its directory must be there.
        """
        found = self._covering(path)
        if isinstance(found, Writable) and found.read_only:
            raise RedirectError(f"open redirect {name} file: open {path}: read-only file system")
        if not isinstance(found, Writable | Volume):
            raise RedirectError(f'open redirect {name} file: cannot resolve path "{path}"')
        inside, view = found.inside(path), found.view
        if not view.exists(posixpath.dirname(inside)):
            raise RedirectError(f"open redirect {name} file: open {path}: no such file or directory")
        if view.exists(inside) and view.stat(inside).is_dir:
            raise RedirectError(f"open redirect {name} file: open {path}: is a directory")
        found.write(path, b"", self.owner)

    def write(self, path: str, source: Path) -> None:
        """Put a stream's bytes at an absolute path of the container, as if the process had written them there."""
        found = self._covering(path)
        if isinstance(found, Writable | Volume):
            with source.open("rb") as stream:
                found.write(path, stream, self.owner)

    def _covering(self, path: str) -> Writable | Volume | sandbox.SecretMount | None:
        """What an absolute path of the container lies in; None for what has no files to redirect to."""
        mount = max((each for each in self.mounts if within(path, each.target)), key=_depth, default=None)
        match mount:
            case None:
                return self._stack("/")
            case sandbox.OverlayMount():
                return self._stack(mount.target)
            case sandbox.BindMount():
                return Volume(mount.target, mount.source)
            case sandbox.SecretMount():
                return mount
            case _:
                return None

    def _stack(self, target: str) -> Writable | None:
        return next((each for each in self.stacks if each.target == target), None)


def within(path: str, target: str) -> bool:
    """Whether an absolute path is a mount's target or below it."""
    return target == "/" or path == target or path.startswith(f"{target}/")


def _depth(mount: sandbox.Mount) -> int:
    return len(mount.target)
