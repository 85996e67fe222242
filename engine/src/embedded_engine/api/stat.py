"""Whether a path is what it is expected to be."""

from __future__ import annotations

from embedded_engine.store import Kind, Union

_KINDS = {"REGULAR_TYPE": Kind.FILE, "DIRECTORY_TYPE": Kind.DIRECTORY, "SYMLINK_TYPE": Kind.SYMLINK}


def exists_as(union: Union, path: str, expected: str | None, *, follow: bool) -> bool:
    """Whether something is at `path`, of the expected type if one is named. A link is itself only when looked for."""
    wanted = _KINDS.get(expected) if expected else None
    follow = follow and wanted is not Kind.SYMLINK
    if not union.exists(path, follow):
        return False
    return wanted is None or union.stat(path, follow).kind is wanted
