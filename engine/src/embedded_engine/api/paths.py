"""Places in a container: which file system a path lies in, and how a change there makes another container."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, replace

from embedded_engine.api.values import CacheMount, ContainerValue, TmpfsMount, TreeMount
from embedded_engine.errors import EngineError
from embedded_engine.graph import FsNode, Patch
from embedded_engine.graph.changes import Owner
from embedded_engine.graph.filesystem import Change

_VARIABLE = re.compile(r"\$(?:\{([^}]*)\}|([A-Za-z_][A-Za-z0-9_]*|[0-9*#$@!?-]))")


class PathError(EngineError):
    """A path of a container that cannot be used as asked."""


@dataclass(frozen=True)
class Place:
    """Where a path of a container really is: in its root file system or in a mounted one."""

    fs: FsNode
    path: str
    mount: TreeMount | None = None


def expand(container: ContainerValue, text: str, wanted: bool) -> str:
    """`$VAR` and `${VAR}` replaced by the container's environment if that is wanted; unknown ones by nothing."""
    if not wanted:
        return text
    secret = {name for name, _ in container.secret_env}
    env = dict(container.config.env)

    def value(match: re.Match[str]) -> str:
        name = match[1] if match[1] is not None else match[2]
        if name in secret:
            raise PathError(f'expand cannot be used with secret env variable "{name}"')
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
        case TmpfsMount():
            raise PathError(f"{path}: cannot retrieve path from tmpfs")
        case _:
            raise PathError(f"{path}: cannot retrieve path from secret")


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
