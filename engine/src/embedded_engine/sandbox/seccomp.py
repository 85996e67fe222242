"""The default seccomp profile: read from Debian's golang-github-containers-common, turned into OCI form at run time."""

from __future__ import annotations

import json
import platform
from functools import cache
from pathlib import Path
from typing import Any

PROFILE = Path("/usr/share/containers/seccomp.json")

_ARCHITECTURES = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "armv7l": "arm",
    "i686": "x86",
    "ppc64le": "ppc64le",
    "s390x": "s390x",
}
"""Go's names of architectures, which the profile's conditions use, by the kernel's."""

_SECCOMP_ARCHITECTURES = {
    "amd64": "SCMP_ARCH_X86_64",
    "arm64": "SCMP_ARCH_AARCH64",
    "arm": "SCMP_ARCH_ARM",
    "x86": "SCMP_ARCH_X86",
    "ppc64le": "SCMP_ARCH_PPC64LE",
    "s390x": "SCMP_ARCH_S390X",
}


@cache
def seccomp_filter(capabilities: frozenset[str], profile: Path = PROFILE) -> dict[str, Any] | None:
    """The `linux.seccomp` section for a container with `capabilities`; None when the machine has no profile."""
    try:
        source = json.loads(profile.read_text())
    except FileNotFoundError:
        return None
    architecture = _ARCHITECTURES.get(platform.machine(), platform.machine())
    return {
        "defaultAction": source["defaultAction"],
        **({"defaultErrnoRet": source["defaultErrnoRet"]} if "defaultErrnoRet" in source else {}),
        "architectures": _architectures(source, _SECCOMP_ARCHITECTURES.get(architecture)),
        "syscalls": [_rule(rule) for rule in source["syscalls"] if _applies(rule, architecture, capabilities)],
    }


def _architectures(source: dict[str, Any], native: str | None) -> list[str]:
    for entry in source.get("archMap") or ():
        if entry["architecture"] == native:
            # Compiling the filter is a third of a start. Kernels refuse x32 anyway, unless they are told otherwise.
            return [native, *(name for name in entry.get("subArchitectures") or () if name != "SCMP_ARCH_X32")]
    return [native] if native else []


def _applies(rule: dict[str, Any], architecture: str, capabilities: frozenset[str]) -> bool:
    includes, excludes = rule.get("includes") or {}, rule.get("excludes") or {}
    if includes.get("arches") and architecture not in includes["arches"]:
        return False
    if not capabilities.issuperset(includes.get("caps") or ()):
        return False
    if architecture in (excludes.get("arches") or ()):
        return False
    return capabilities.isdisjoint(excludes.get("caps") or ())


def _rule(rule: dict[str, Any]) -> dict[str, Any]:
    names = rule.get("names") or [rule["name"]]
    plain: dict[str, Any] = {"names": names, "action": rule["action"]}
    if rule.get("args"):
        plain["args"] = rule["args"]
    if "errnoRet" in rule:
        plain["errnoRet"] = rule["errnoRet"]
    return plain
