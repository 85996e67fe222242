"""Places in a container: which file system a path lies in, and how a change there makes another container."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, replace

from embedded_engine.api.values import CacheMount, ContainerValue, TreeMount
from embedded_engine.errors import EngineError
from embedded_engine.graph import FsNode, Patch
from embedded_engine.graph.changes import Owner
from embedded_engine.graph.filesystem import Change

MAX_NAME_BYTES = 255
# An open brace that is never closed is dropped with its dollar sign, as Go does.
_VARIABLE = re.compile(r"\$(?:\{([^}]*)\}|([A-Za-z_][A-Za-z0-9_]*|[0-9*#$@!?-])|\{)")


class PathError(EngineError):
    """A path of a container that cannot be used as asked."""


@dataclass(frozen=True)
class Place:
    """Where a path of a container really is: in its root file system or in a mounted one."""

    fs: FsNode
    path: str
    mount: TreeMount | None = None


def check_name(path: str) -> None:
    """Refuse what no file can be called."""
    if len(posixpath.basename(path).encode()) > MAX_NAME_BYTES:
        raise PathError(f"File name length exceeds the maximum supported {MAX_NAME_BYTES} characters")


def expand(container: ContainerValue, text: str, wanted: bool) -> str:
    """`$VAR` and `${VAR}` replaced by the container's environment if that is wanted; unknown ones by nothing."""
    if not wanted:
        return text
    secret = {name for name, _ in container.secret_env}
    volatile = {name for name, _ in container.volatile_env}
    env = dict(container.config.env)

    def value(match: re.Match[str]) -> str:
        name = match[1] or match[2] or ""
        if name in secret:
            raise PathError(f'expand cannot be used with secret env variable "{name}"')
        if name in volatile:
            raise PathError(f'expand cannot be used with volatile env variable "{name}"')
        return env.get(name, "")

    return _VARIABLE.sub(value, text)


def locate(container: ContainerValue, path: str) -> Place:
    """The file system that holds an absolute path of the container."""
    mount = container.mount_over(path)
    match mount:
        case None:
            return Place(container.fs, path)
        case TreeMount():
            inside = path[len(mount.target) :] if mount.target != "/" else path
            return Place(mount.fs, posixpath.normpath(f"{mount.path}/{inside}").replace("//", "/"), mount)
        case CacheMount():
            raise PathError(f"{path}: cannot retrieve path from cache")
        case _:
            raise PathError(f"{path}: cannot retrieve path from tmpfs")


def locate_to_change(container: ContainerValue, path: str) -> Place:
    """As `locate`, for a path that is looked at or changed: the error says so."""
    try:
        return locate(container, path)
    except PathError as error:
        raise PathError(f"failed to locate path {path}: {error}") from None


def uncovered(container: ContainerValue, path: str, *, files_only: bool = False) -> ContainerValue:
    """The container without what is mounted at exactly this path: it is about to be written or removed there.

    With `files_only` a mounted directory stays, since what is written goes into it.
    """
    mount = container.mount_over(path)
    if isinstance(mount, TreeMount) and mount.target == path and (mount.is_file or not files_only):
        return uncovered(container.without_mount(path), path, files_only=files_only)
    return container


def changed(container: ContainerValue, place: Place, change: Change) -> ContainerValue:
    """The container with a change made in the file system of `place`."""
    fs = Patch(place.fs, change)
    if place.mount is None:
        return replace(container, fs=fs, image_ref="")
    mounts = tuple(replace(mount, fs=fs) if mount is place.mount else mount for mount in container.mounts)
    return replace(container, mounts=mounts)


def owner_of(container: ContainerValue, name: str) -> Owner:
    """An owner by the container's own account files, wherever the file that it will own lies."""
    return Owner(name, container.fs) if name else Owner()
