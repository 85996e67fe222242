"""From a container's description to the supervisor's orders: what to mount where, and the runtime's configuration."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from embedded_engine.sandbox.bundle import DEFAULT_HOSTNAME, INIT, Placement, RuntimeMount, configuration
from embedded_engine.sandbox.errors import SandboxError
from embedded_engine.sandbox.host_settings import HostSettings
from embedded_engine.sandbox.names import hosts_file, resolver_file
from embedded_engine.sandbox.spec import (
    BindMount,
    ContainerSpec,
    Mount,
    Overlay,
    OverlayMount,
    SecretMount,
    SocketMount,
    TmpfsMount,
)

_OF_THE_RUNTIME = re.compile(r"/(proc|dev|sys)(/|$)")


def plan(
    spec: ContainerSpec,
    *,
    name: str,
    directory: Path,
    runtime: list[str],
    outside: bool,
    cgroup: str | None,
    init: Path | None,
    settings: HostSettings,
    rootless: bool,
) -> dict[str, Any]:
    """Everything that the supervisor needs to run `spec` as `name` below `directory`.

    `spec.env` holds what the host's settings add to it already.
    """
    own = [_order(mount) for mount in spec.mounts if not _OF_THE_RUNTIME.match(mount.target)]
    files = [_file("/etc/hosts", hosts_file(spec.hostname or DEFAULT_HOSTNAME, spec.hosts), "hosts")]
    if spec.network:
        files.append(_file("/etc/resolv.conf", resolver_file() if outside else b"", "resolv.conf"))
    placement = Placement(f"{directory}/{name}/rootfs", f"{directory}/{name}/net" if spec.network else None, cgroup)
    return {
        "name": name,
        "runtime": runtime,
        "userxattr": rootless,
        "rootfs": _overlay(spec.rootfs),
        "mounts": files + own,
        "cwd": spec.cwd,
        "owner": (spec.uid, spec.gid),
        "network": spec.network,
        "cgroup": cgroup,
        "init": spec.init,
        "programs": _programs(spec) if spec.init else [],
        "config": configuration(spec, placement, _runtime_mounts(spec, init, settings)),
    }


def _programs(spec: ContainerSpec) -> list[str]:
    """Where the program may lie: at its path, or by its name in the directories of PATH, the first one first."""
    name = spec.args[0]
    if "/" in name:
        return [posixpath.join(spec.cwd, name)]
    return [posixpath.join(spec.cwd, place, name) for place in dict(spec.env).get("PATH", "").split(":")]


def _runtime_mounts(spec: ContainerSpec, init: Path | None, settings: HostSettings) -> tuple[RuntimeMount, ...]:
    mounts: list[RuntimeMount] = []
    if spec.init:
        if init is None:
            raise SandboxError("no init for containers: install tini (apt-get install tini)")
        mounts.append(RuntimeMount(str(init), INIT))
    if spec.host_settings and settings.certificates is not None:
        mounts.append(RuntimeMount(str(settings.certificates), settings.CERTIFICATES))
    return (*mounts, *(_runtime_mount(mount) for mount in spec.mounts if _OF_THE_RUNTIME.match(mount.target)))


def _runtime_mount(mount: Mount) -> RuntimeMount:
    match mount:
        case BindMount(source, target, read_only):
            return RuntimeMount(str(source), target, options=("rbind", "ro" if read_only else "rw"))
        case SocketMount(source, target):
            return RuntimeMount(str(source), target, options=("rbind", "rw"))
        case TmpfsMount(target, size):
            bound = () if size is None else (f"size={size}",)
            return RuntimeMount("tmpfs", target, kind="tmpfs", options=("nosuid", "mode=755", *bound))
        case OverlayMount() | SecretMount():
            raise SandboxError(
                f"{mount.target}: a directory, file or secret cannot be mounted below /proc, /dev or /sys"
            )


def _order(mount: Mount) -> dict[str, Any]:
    match mount:
        case BindMount(source, target, read_only):
            return {"kind": "bind", "source": str(source), "target": target, "read_only": read_only}
        case SocketMount(source, target):
            return {"kind": "bind", "source": str(source), "target": target, "read_only": False}
        case OverlayMount(target, overlay, subpath, read_only):
            order = {"kind": "overlay_at", "target": target, "subpath": subpath, "read_only": read_only}
            return order | {"overlay": _overlay(overlay)}
        case TmpfsMount(target, size):
            return {"kind": "tmpfs", "target": target, "size": size}
        case SecretMount(target, data, uid, gid, mode):
            return _file(target, data) | {"uid": uid, "gid": gid, "mode": mode}


def _file(target: str, data: bytes, name: str | None = None) -> dict[str, Any]:
    return {"kind": "file", "target": target, "data": data, "name": name, "uid": 0, "gid": 0, "mode": 0o644}


def _overlay(overlay: Overlay) -> dict[str, Any]:
    return {
        "lowers": [str(lower) for lower in overlay.lowers],
        "upper": None if overlay.upper is None else str(overlay.upper),
        "work": None if overlay.work is None else str(overlay.work),
    }
