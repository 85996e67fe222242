"""Fingerprints: one canonical encoding of plain values, for node digests and result keys alike."""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import json
from pathlib import PurePath
from typing import Any

_RULES = 2
"""Rises when a definition comes to another result than before: what a store has by the old rules is not taken."""

_LONGEST_BYTES = 4096


def fingerprint(*parts: object) -> str:
    """The sha256 of `parts` in hexadecimal.

    Parts are scalars, sequences, mappings, enums, dataclasses, or objects with a `digest` of their own, which
    then stands for them: a long chain of nodes is never walked twice.

    >>> fingerprint("a", 1) == fingerprint("a", 1), fingerprint("a", 1) == fingerprint("a1")
    (True, False)
    """
    canonical = json.dumps([_RULES, _plain(parts)], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _plain(item: object) -> Any:
    digest = getattr(item, "digest", None)
    if isinstance(digest, str):
        return {"digest": digest}
    if item is None or isinstance(item, bool | int | float | str):
        return item
    if isinstance(item, bytes):
        # A file's content stands here by its digest: as text it would be in memory several times.
        return {"bytes": item.hex()} if len(item) <= _LONGEST_BYTES else {"sha256": hashlib.sha256(item).hexdigest()}
    if isinstance(item, enum.Enum):
        return {"enum": item.name}
    if isinstance(item, tuple | list):
        return [_plain(part) for part in item]
    if isinstance(item, dict):
        return {"map": [[_plain(key), _plain(value)] for key, value in sorted(item.items())]}
    if isinstance(item, PurePath):
        return {"path": str(item)}
    if dataclasses.is_dataclass(item):
        fields = (field for field in dataclasses.fields(item) if field.compare)
        return {type(item).__name__: [_plain(getattr(item, field.name)) for field in fields]}
    raise TypeError(f"{type(item).__name__} has no canonical form")
