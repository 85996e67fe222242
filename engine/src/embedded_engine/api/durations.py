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

    >>> to_nanoseconds("1m30s"), to_nanoseconds("-1s"), to_nanoseconds("")
    (90000000000, -1000000000, 0)
    """
    if text in ("", "0"):
        return 0
    number = text[1:] if text[0] in "-+" else text
    parts = _PART.findall(number)
    if not parts or "".join(amount + unit for amount, unit in parts) != number:
        raise DurationError(f'time: invalid duration "{text}": write it as 10s, 1m30s or 500ms')
    duration = int(sum(float(amount) * _UNITS[unit] for amount, unit in parts))
    return -duration if text.startswith("-") else duration


def from_nanoseconds(duration: int) -> str:
    """A duration in its largest whole units.

    >>> from_nanoseconds(90_000_000_000), from_nanoseconds(500_000_000), from_nanoseconds(0)
    ('1m30s', '500ms', '0s')
    """
    if not duration:
        return "0s"
    if duration < 0:
        return f"-{from_nanoseconds(-duration)}"
    if duration < _UNITS["s"]:
        unit = next(unit for unit in ("ms", "us", "ns") if duration % _UNITS[unit] == 0)
        return f"{duration // _UNITS[unit]}{unit}"
    hours, rest = divmod(duration, _UNITS["h"])
    minutes, rest = divmod(rest, _UNITS["m"])
    seconds = f"{rest / _UNITS['s']:g}s"
    return f"{hours}h{minutes}m{seconds}" if hours else f"{minutes}m{seconds}" if minutes else seconds
