"""Durations as Go writes them (`1m30s`, `500ms`), which is how the API takes them."""

from __future__ import annotations

import re

from embedded_engine.errors import EngineError

_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")


class DurationError(EngineError):
    """A text that is no duration."""


def to_nanoseconds(text: str) -> int:
    """The nanoseconds of a duration; an empty text is none.

    >>> to_nanoseconds("1m30s"), to_nanoseconds("")
    (90000000000, 0)
    """
    parts = _PART.findall(text)
    if "".join(number + unit for number, unit in parts) != text:
        raise DurationError(f"invalid duration {text!r}: write it as 10s, 1m30s or 500ms")
    return int(sum(float(number) * _UNITS[unit] for number, unit in parts))


def from_nanoseconds(duration: int) -> str | None:
    """A duration in its largest whole units, or None for none.

    >>> from_nanoseconds(90_000_000_000), from_nanoseconds(500_000_000)
    ('1m30s', '500ms')
    """
    if not duration:
        return None
    if duration < _UNITS["s"]:
        unit = next(unit for unit in ("ms", "us", "ns") if duration % _UNITS[unit] == 0)
        return f"{duration // _UNITS[unit]}{unit}"
    hours, rest = divmod(duration, _UNITS["h"])
    minutes, rest = divmod(rest, _UNITS["m"])
    seconds = f"{rest / _UNITS['s']:g}s"
    return f"{hours}h{minutes}m{seconds}" if hours else f"{minutes}m{seconds}" if minutes else seconds
