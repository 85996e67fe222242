"""The OCI configuration of a container: what the real engine gives its containers, as containerd's defaults are."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from embedded_engine.sandbox.errors import SandboxError
from embedded_engine.sandbox.seccomp import seccomp_filter
from embedded_engine.sandbox.spec import ContainerSpec

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
DEFAULT_HOSTNAME = "dagger"
INIT = "/dev/.init"
"""Where the init is mounted: in the container's own /dev, so that no stub is left in its root."""
INIT_ARGS = (INIT, "-g", "--")

_DEFAULT_CAPABILITIES = (
    "CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP", "SETPCAP",
    "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE",
)  # fmt: skip
DEFAULT_CAPABILITIES = frozenset(f"CAP_{name}" for name in _DEFAULT_CAPABILITIES)

_ALL_CAPABILITIES = (
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP", "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO",
    "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG",
    "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM",
    "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE",
)  # fmt: skip
"""In the kernel's order: a capability's place is its bit."""

_MASKED_PATHS = [
    "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
    "/proc/sched_debug", "/sys/firmware", "/sys/devices/virtual/powercap", "/proc/scsi",
]  # fmt: skip
_READONLY_PATHS = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]

_SYSTEM_MOUNTS = (
    ("/proc", "proc", "proc", ["nosuid", "noexec", "nodev"]),
    ("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
    ("/dev/pts", "devpts", "devpts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
    ("/dev/shm", "tmpfs", "shm", ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),  # noqa: S108
    ("/dev/mqueue", "mqueue", "mqueue", ["nosuid", "noexec", "nodev"]),
    ("/sys", "sysfs", "sysfs", ["nosuid", "noexec", "nodev", "ro"]),
    ("/sys/fs/cgroup", "cgroup", "cgroup", ["nosuid", "noexec", "nodev", "ro"]),
)

_INSECURE_DEVICES = (
    ("/dev/kmsg", 1, 11),
    ("/dev/fuse", 10, 229),
    ("/dev/net/tun", 10, 200),
    ("/dev/loop-control", 10, 237),
)


@dataclass(frozen=True)
class RuntimeMount:
    """A mount that the runtime itself makes, because its target lies below /dev, /proc or /sys."""

    source: str
    target: str
    kind: str = "bind"
    options: tuple[str, ...] = ("rbind", "ro", "nosuid", "nodev")


@dataclass(frozen=True)
class Placement:
    """Where the supervisor keeps a container: its root, its network namespace (None: a new one with nothing in it), and
    its control group (None: it has none)."""

    rootfs: str
    network_namespace: str | None
    cgroup: str | None


def configuration(spec: ContainerSpec, placement: Placement, mounts: tuple[RuntimeMount, ...] = ()) -> bytes:
    """The container's config.json."""
    return json.dumps(
        {
            "ociVersion": "1.0.2",
            "process": _process(spec, INIT_ARGS + spec.args if spec.init else spec.args, spec.env, spec.cwd),
            "root": {"path": placement.rootfs, "readonly": spec.rootfs.upper is None},
            "hostname": spec.hostname or DEFAULT_HOSTNAME,
            "mounts": _mounts(spec, mounts),
            "linux": _linux(spec, placement),
        },
        separators=(",", ":"),
    ).encode()


def process_section(
    spec: ContainerSpec, *, args: tuple[str, ...], env: tuple[tuple[str, str], ...], cwd: str | None
) -> bytes:
    """Another program inside the container, by the container's user and without an init of its own."""
    return json.dumps(_process(spec, args, env, cwd or spec.cwd), separators=(",", ":")).encode()


def _process(spec: ContainerSpec, args: tuple[str, ...], env: tuple[tuple[str, str], ...], cwd: str) -> dict[str, Any]:
    environment = {"PATH": DEFAULT_PATH, **dict(env)}
    for name, value in environment.items():
        if "\0" in value:
            # The runtime would refuse it with words that hold the value, which may be a secret's.
            raise SandboxError(f"the environment variable {name} cannot hold a null byte: mount it as a file")
    return {
        "args": list(args),
        "env": [f"{name}={value}" for name, value in environment.items()],
        "cwd": cwd,
        "user": {"uid": spec.uid, "gid": spec.gid, "additionalGids": sorted({spec.gid, *spec.groups})},
        "capabilities": _capabilities(spec),
        "noNewPrivileges": False,
    }


def _capabilities(spec: ContainerSpec) -> dict[str, list[str]]:
    names = sorted(capabilities_of(spec))
    held = {"bounding": names, "permitted": names, "effective": names}
    return {**held, "inheritable": names, "ambient": names} if spec.insecure_root_capabilities else held


def capabilities_of(spec: ContainerSpec) -> frozenset[str]:
    """What root may do in the container: never more than the engine itself may."""
    held = held_capabilities()
    return held if spec.insecure_root_capabilities else DEFAULT_CAPABILITIES & held


@cache
def held_capabilities() -> frozenset[str]:
    """The capabilities that this process may pass on."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapBnd:"):
            bits = int(line.split()[1], 16)
            return frozenset(f"CAP_{name}" for bit, name in enumerate(_ALL_CAPABILITIES) if bits >> bit & 1)
    return DEFAULT_CAPABILITIES


def _mounts(spec: ContainerSpec, mounts: tuple[RuntimeMount, ...]) -> list[dict[str, Any]]:
    writable = spec.insecure_root_capabilities
    system = [
        {
            "destination": target,
            "type": kind,
            "source": source,
            "options": [option for option in options if not (writable and option == "ro")],
        }
        for target, kind, source, options in _SYSTEM_MOUNTS
    ]
    more = [
        {"destination": mount.target, "type": mount.kind, "source": mount.source, "options": list(mount.options)}
        for mount in mounts
    ]
    return system + more


def _linux(spec: ContainerSpec, placement: Placement) -> dict[str, Any]:
    insecure = spec.insecure_root_capabilities
    namespaces: list[dict[str, str]] = [{"type": kind} for kind in ("pid", "ipc", "uts", "mount")]
    path = placement.network_namespace
    namespaces.append({"type": "network"} if path is None else {"type": "network", "path": path})
    if Path("/sys/fs/cgroup/cgroup.controllers").exists():
        namespaces.append({"type": "cgroup"})
    section: dict[str, Any] = {
        "namespaces": namespaces,
        "maskedPaths": [] if insecure else _MASKED_PATHS,
        "readonlyPaths": [] if insecure else _READONLY_PATHS,
    }
    if placement.cgroup is not None:
        section["cgroupsPath"] = placement.cgroup
        section["resources"] = {"devices": [{"allow": insecure, "access": "rwm"}]}
        if spec.memory is not None:
            section["resources"]["memory"] = {"limit": spec.memory}
    if insecure:
        section["devices"] = [
            {"path": path, "type": "c", "major": major, "minor": minor, "fileMode": 0o600, "uid": 0, "gid": 0}
            for path, major, minor in _INSECURE_DEVICES
        ]
    elif (seccomp := seccomp_filter(capabilities_of(spec))) is not None:
        section["seccomp"] = seccomp
    return section
