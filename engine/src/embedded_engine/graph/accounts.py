"""Users and groups by name, looked up in a container's own /etc/passwd and /etc/group."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from embedded_engine.errors import EngineError
from embedded_engine.store import Union

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embedded_engine.graph.graph import Graph
    from embedded_engine.graph.node import FsNode

MAX_ACCOUNTS_BYTES = 4 * 1024 * 1024
_LAST_ID = 2**31 - 1
_NUMBER = re.compile(r"[+-]?\d+", re.ASCII)


class UnknownAccountError(EngineError):
    """A user or group that the container does not have."""


@dataclass(frozen=True)
class Account:
    """Who a process runs as: numeric user, primary group and further groups."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()


def needs_lookup(owner: str) -> bool:
    """Whether an owner such as `app:app` names somebody rather than numbering them."""
    return any(part and not part.isdecimal() for part in owner.split(":"))


def process_account(root: Union, user: str) -> Account:
    """The account of a process for an OCI `user`: name, number, `user:group`, or nothing for root."""
    name, _, group = user.partition(":")
    name = name or "0"
    entry = next((row for row in _rows(root, "/etc/passwd") if name in (row[0], row[2])), None)
    number = int(entry[2]) if entry else _number(name)
    if number is None:
        raise UnknownAccountError(f"get user: unable to find user {name}: no matching entries in passwd file")
    uid = number
    if group:
        unknown = "get user: unable to find group {}: no matching entries in group file"
        return Account(uid, _group_id(root, group, unknown))
    gid = int(entry[3]) if entry else 0
    member = entry[0] if entry else name
    more = (int(row[2]) for row in _rows(root, "/etc/group") if member in row[3].split(","))
    return Account(uid, gid, tuple(sorted(set(more) - {gid})))


def file_owner(root: Union, owner: str) -> tuple[int, int]:
    """The (uid, gid) of an owner `user[:group]`; without a group the gid is the uid's number, as on Dagger."""
    name, _, group = owner.partition(":")
    for part, path in ((name, "/etc/passwd"), (group, "/etc/group")):
        if part and not part.isdecimal() and not root.exists(path):
            raise UnknownAccountError(f"failed to parse ownership {owner}: open {path}: no such file or directory")
    if name.isdecimal():
        uid = int(name)
    else:
        row = next((row for row in _rows(root, "/etc/passwd") if row[0] == name), None)
        if row is None:
            raise UnknownAccountError(f"find uid: no such user: {name}")
        uid = int(row[2])
    return uid, _group_id(root, group, "find gid: no such group: {}") if group else uid


async def resolve_owner(graph: Graph, owner: str, accounts: FsNode | None) -> tuple[int, int] | None:
    """The (uid, gid) that `owner` means in the file system `accounts`; None for an empty owner: leave it as it is."""
    if not owner:
        return None
    if not needs_lookup(owner):
        return file_owner(Union(()), owner)
    if accounts is None:
        raise UnknownAccountError(f"owner {owner!r}: a directory knows no names, give numbers such as 1000:1000")
    return file_owner(await graph.union(accounts), owner)


def _number(text: str) -> int | None:
    """The number of a process's user, or None for a name."""
    if not _NUMBER.fullmatch(text):
        return None
    if not 0 <= int(text) <= _LAST_ID:
        raise UnknownAccountError(f"get user: uids and gids must be in range 0-{_LAST_ID}")
    return int(text)


def _group_id(root: Union, group: str, unknown: str) -> int:
    if group.isdecimal():
        return int(group)
    row = next((row for row in _rows(root, "/etc/group") if row[0] == group), None)
    if row is None:
        raise UnknownAccountError(unknown.format(group))
    return int(row[2])


def _rows(root: Union, path: str) -> Iterator[list[str]]:
    """The well-formed rows of a colon-separated account file; none if the container has no such file."""
    if not root.exists(path):
        return
    for line in root.read(path, MAX_ACCOUNTS_BYTES).decode("utf-8", "replace").splitlines():
        row = line.split(":")
        if len(row) >= 4 and row[2].isdecimal():
            yield row
