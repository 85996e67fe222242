"""Socket: a Unix socket of this machine, and containers that reach it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from embedded_engine.api.host import HostPathError, HostValue
from embedded_engine.api.paths import expand as _expanded
from embedded_engine.api.values import ContainerValue
from embedded_engine.binding import RequestContext, field
from embedded_engine.graph.process import SocketMount
from embedded_engine.graph.sockets import is_socket


@dataclass(frozen=True)
class SocketValue:
    """A Unix socket of this machine, by its path."""

    TYPE: ClassVar[str] = "Socket"

    path: str


@field("Host", "unixSocket")
def unix_socket(ctx: RequestContext, self: HostValue, *, path: str) -> SocketValue:
    place = Path(ctx.engine.workdir, Path(path).expanduser()).resolve()
    if not is_socket(place):
        raise HostPathError(f"host socket {path}: {'it is no socket' if place.exists() else 'no such file'}")
    return SocketValue(str(place))


@field("Container", "withUnixSocket")
def with_unix_socket(
    ctx: RequestContext, self: ContainerValue, *, path: str, source: SocketValue, owner: str = "", expand: bool = False
) -> ContainerValue:
    target = self.absolute(_expanded(self, path, expand))
    return replace(self, sockets=(*_without(self, target), SocketMount(target, source.path, owner)))


@field("Container", "withoutUnixSocket")
def without_unix_socket(
    ctx: RequestContext, self: ContainerValue, *, path: str, expand: bool = False
) -> ContainerValue:
    return replace(self, sockets=_without(self, self.absolute(_expanded(self, path, expand))))


def _without(container: ContainerValue, target: str) -> tuple[SocketMount, ...]:
    return tuple(each for each in container.sockets if each.target != target)
