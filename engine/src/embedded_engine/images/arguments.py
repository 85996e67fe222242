"""What stands in an instruction of a Dockerfile, read from text: ports, signals, durations, destinations, flags."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from embedded_engine.images.dockerfile import Instruction

_PORTS = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?(?:/(tcp|udp|sctp))?", re.IGNORECASE)
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
_NANOSECONDS = {"ns": 1, "us": 1e3, "µs": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9}
_SHORTEST = 1_000_000


def only(row: Instruction) -> str:
    """The one argument of an instruction that takes no more."""
    if len(row.words) != 1:
        raise ValueError("it takes exactly one argument")
    return row.words[0]


def destination_of(workdir: str, text: str) -> str:
    """An absolute path; it ends with a slash if it must be a directory."""
    path = "/" + posixpath.normpath(posixpath.join("/", workdir, text)).lstrip("/")
    directory = text.endswith(("/", "/.")) or text in {".", ".."}
    return f"{path}/" if directory and path != "/" else path


def is_set(flags: Mapping[str, list[str]], name: str) -> bool:
    """A flag that is there, or has the value true."""
    value = flags.get(name, ["false"])[-1]
    if value not in {"true", "false"}:
        raise ValueError(f"invalid value {value!r} for --{name}: expected true or false")
    return value == "true"


def strip_tabs(text: str) -> str:
    """`<<-` takes leading tabs away."""
    return re.sub(r"^\t+", "", text, flags=re.MULTILINE)


def ports(text: str) -> Sequence[str]:
    """`80`, `80/udp` or `8000-8003/tcp` as OCI writes ports."""
    match = _PORTS.fullmatch(text)
    if match is None:
        raise ValueError(f"invalid port {text!r}")
    first, last = int(match[1]), int(match[2] or match[1])
    if not 0 < first <= last <= 65535:
        raise ValueError(f"invalid port {text!r}")
    return [f"{port}/{(match[3] or 'tcp').lower()}" for port in range(first, last + 1)]


def signal_name(text: str) -> str:
    """The name or number of a signal that exists."""
    import signal

    name = text.upper().removeprefix("SIG")
    known = f"SIG{name}" in signal.Signals.__members__ or re.fullmatch(r"RT(MIN|MAX)([+-]\d+)?", name)
    if not known and not (text.isdecimal() and 0 < int(text) < 65):
        raise ValueError(f"unknown signal {text!r}")
    return text


def duration(flags: Mapping[str, list[str]], name: str) -> int:
    """A duration such as `1m30s` in nanoseconds; 0 where it is not given."""
    text = flags.get(name, ["0s"])[-1]
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"invalid duration {text!r} for --{name}: expected one such as 30s or 1m30s")
    value = round(sum(float(number) * _NANOSECONDS[unit] for number, unit in parts))
    if 0 < value < _SHORTEST:
        raise ValueError(f"--{name} must be at least 1ms")
    return value
