"""What a chain came to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from embedded_engine.api.definitions import TypeDef


@dataclass(frozen=True)
class Outcome:
    """A JSON value (an id, for an object of the core API; the state, for one of the module) of a type.

    `exported` is the path that an object was written to when an output was asked for.
    """

    value: Any
    type_def: TypeDef
    exported: str | None = None


@dataclass(frozen=True)
class FileChange:
    """What a changeset does to one file: ADDED, MODIFIED, REMOVED or RENAMED, and by how many lines."""

    path: str
    kind: str
    added: int
    removed: int
