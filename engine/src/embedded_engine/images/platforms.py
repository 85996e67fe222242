"""Platforms as people write them: `linux/arm64`, `linux/arm/v7`, `amd64`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from embedded_engine.images.config import ImageConfig, host_architecture
from embedded_engine.images.errors import ImageError

_ARCHITECTURES = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "armhf": "arm", "i386": "386"}
_KNOWN_SYSTEMS = frozenset(["linux", "windows", "darwin", "freebsd", "wasip1"])
_KNOWN_ARCHITECTURES = frozenset(["386", "amd64", "arm", "arm64", "loong64", "mips64le", "ppc64le", "riscv64", "s390x"])


class PlatformError(ImageError):
    """A text that names no platform."""


def host_platform() -> str:
    """The machine's own."""
    return f"linux/{host_architecture()}"


def foreign(platform: str) -> str:
    """The platform, or nothing where it is the machine's own."""
    return "" if platform == host_platform() else platform


def normalize_platform(text: str) -> str:
    """The one spelling of a platform.

    >>> normalize_platform("linux/x86_64"), normalize_platform("arm64"), normalize_platform("linux/arm64/v8")
    ('linux/amd64', 'linux/arm64', 'linux/arm64')
    """
    system, architecture, *variant = _parts(text)
    return "/".join([system, architecture, *(part for part in variant if (architecture, part) != ("arm64", "v8"))])


def _parts(text: str) -> list[str]:
    """System, architecture and, if it is named, variant."""
    parts = text.lower().split("/")
    if len(parts) == 1:
        if parts[0] in _KNOWN_SYSTEMS:
            parts = [parts[0], host_architecture()]
        elif _ARCHITECTURES.get(parts[0], parts[0]) in _KNOWN_ARCHITECTURES:
            parts = ["linux", parts[0]]
    if len(parts) not in (2, 3) or not all(parts):
        raise PlatformError(f'"{text}": unknown operating system or architecture: invalid argument')
    return [parts[0], _ARCHITECTURES.get(parts[1], parts[1]), *parts[2:]]


def described(row: Mapping[str, Any]) -> str:
    """What the `platform` object of an OCI index names."""
    parts = (row.get("os", "linux"), row.get("architecture", ""), row.get("variant", ""))
    return "/".join(str(part) for part in parts if part)


def fits(row: Mapping[str, Any], platform: str) -> bool:
    """Whether the `platform` object of an OCI index is that platform; who names no variant takes any."""
    name, wanted = normalize_platform(described(row)) if row else "", normalize_platform(platform)
    return not row or name == wanted or name.startswith(f"{wanted}/")


def config_for(platform: str) -> ImageConfig:
    """An empty configuration of an image for a platform, its variant as it is named."""
    system, architecture, *variant = _parts(platform)
    return replace(ImageConfig(), os=system, architecture=architecture, variant="".join(variant))
