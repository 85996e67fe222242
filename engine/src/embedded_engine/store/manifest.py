"""What a tree holds, by path: enough to tell two trees apart, without owners of no meaning and without times.

A manifest of 20,000 entries is one list of paths and one of facts, both of strings: taking a part of it, or its
digest, copies references and makes no objects. `Entry` is made for the one that is looked at.
"""

from __future__ import annotations

import hashlib
import os
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from functools import cached_property
from typing import NamedTuple

from embedded_engine.store.errors import PathNotFoundError, StoreError, storage_errors
from embedded_engine.store.patterns import Patterns
from embedded_engine.store.union import Kind, Node, Union, clean, follow_links

_SYMLINK = f"{Kind.SYMLINK} "
_PARALLEL_FROM = 1 << 16  # bytes: below it, hashing in a thread costs more than it saves


class Entry(NamedTuple):
    """One path. `content` is a file's sha256, a link's target, a device's `major:minor`, else empty.

    `attributes` is a digest of the extended attributes that matter (capabilities, ACLs), nearly always empty.
    """

    kind: Kind
    mode: int
    uid: int
    gid: int
    size: int
    content: str
    attributes: str = ""

    @property
    def fact(self) -> str:
        """All of it as one string; equal facts, equal entries."""
        head = f"{self.kind} {self.mode:o} {self.uid} {self.gid} {self.size} {self.attributes}"
        return f"{head} {self.content}"

    @classmethod
    def parse(cls, fact: str) -> Entry:
        """The entry that has this fact."""
        kind, mode, uid, gid, size, attributes, content = fact.split(" ", 6)
        return cls(Kind(kind), int(mode, 8), int(uid), int(gid), int(size), content, attributes)


class Manifest(Mapping[str, Entry]):
    """Entries by path relative to the root of what is described, which itself is at the empty path."""

    def __init__(self, paths: list[str], facts: list[str], digest: str | None = None) -> None:
        """`paths` are sorted; `facts` belong to them. Use `of`, `build` or `load`."""
        self._paths = paths
        self._facts = facts
        self._known_digest = digest

    @classmethod
    def build(cls, entries: Mapping[str, Entry]) -> Manifest:
        """A manifest of given entries."""
        paths = sorted(entries)
        return cls(paths, [entries[path].fact for path in paths])

    @classmethod
    def of(
        cls,
        union: Union,
        path: str = "/",
        memo: MutableMapping[str, str] | None = None,
        patterns: Patterns | None = None,
    ) -> Manifest:
        """What is at `path` of a tree, or what the patterns take of it.

        Contents are hashed; `memo` remembers digests by place on disk.
        """
        top = union.stat(path)
        nodes = {"": top}
        if top.is_dir:
            nodes.update(union.walk(path, patterns.descent() if patterns is not None else None))
        if patterns is not None:
            nodes = patterns.select(nodes)
        with storage_errors(f"read {clean(path) or '/'}"):
            files = ((node.location, node.size) for node in nodes.values() if node.kind is Kind.FILE)
            digests = digest_files(files, memo)
            paths = sorted(nodes)
            return cls(paths, [entry_of(nodes[each], digests).fact for each in paths])

    @cached_property
    def digest(self) -> str:
        """The sha256 over all entries, in hexadecimal."""
        if self._known_digest is not None:
            return self._known_digest
        return hashlib.sha256(self.dump()).hexdigest()

    def dump(self) -> bytes:
        """The canonical form: what the digest covers, and what `load` reads."""
        both = [part for pair in zip(self._paths, self._facts, strict=True) for part in pair]
        return "\0".join(both).encode("utf-8", "surrogateescape")

    @classmethod
    def load(cls, data: bytes, digest: str | None = None) -> Manifest:
        """A manifest from its canonical form. Raises `StoreError` when it is damaged."""
        if not data:
            return cls([], [], digest)
        parts = data.decode("utf-8", "surrogateescape").split("\0")
        if len(parts) % 2:
            raise StoreError("a manifest in the store is damaged")
        return cls(parts[::2], parts[1::2], digest)

    def select(self, path: str) -> Manifest:
        """What is at `path` and below, as a manifest of its own. Links on the way, and at its end, are followed.

        Raises `PathNotFoundError` if nothing is there.
        """
        wanted = follow_links(path, self._lookup, _link_target)[1:]
        if not wanted:
            return self
        start, end = (bisect_left(self._paths, f"{wanted}{edge}") for edge in "/0")
        cut = len(wanted) + 1
        paths = [place[cut:] for place in self._paths[start:end]]
        facts = self._facts[start:end]
        top = self._lookup(f"/{wanted}")
        if top is None:
            raise PathNotFoundError(path)
        return Manifest(["", *paths], [top, *facts])

    def filter(self, patterns: Patterns) -> Manifest:
        """What the patterns take, with parents."""
        if patterns.empty:
            return self
        kept = patterns.select(self.facts)
        return Manifest(list(kept), list(kept.values()))

    def _lookup(self, canonical: str) -> str | None:
        place = bisect_left(self._paths, canonical[1:])
        found = place < len(self._paths) and self._paths[place] == canonical[1:]
        return self._facts[place] if found else None

    @cached_property
    def facts(self) -> dict[str, str]:
        """The entries as strings, for comparing."""
        return dict(zip(self._paths, self._facts, strict=True))

    def __getitem__(self, path: str) -> Entry:
        return Entry.parse(self.facts[path])

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)

    def __contains__(self, path: object) -> bool:
        return path in self.facts

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Manifest) and self._paths == other._paths and self._facts == other._facts

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"Manifest({len(self)} entries, {self.digest[:12]})"


def entry_of(node: Node, digests: Mapping[str, str]) -> Entry:
    """The entry of a node, whose content's digest is known when it is a file."""
    content = ""
    size = 0
    if node.kind is Kind.FILE:
        content = digests[node.location]
        size = node.size
    elif node.kind is Kind.SYMLINK:
        content = node.target
    elif node.kind is Kind.DEVICE:
        letter = "c" if node.status.st_mode & 0o170000 == 0o020000 else "b"
        content = f"{letter}{os.major(node.status.st_rdev)}:{os.minor(node.status.st_rdev)}"
    return Entry(node.kind, node.mode, node.uid, node.gid, size, content, _attributes(node))


def digest_files(files: Iterable[tuple[str, int]], memo: MutableMapping[str, str] | None = None) -> dict[str, str]:
    """The sha256 of each file, by its place on disk, given with its size; large ones in threads."""
    found: dict[str, str] = {}
    large: list[str] = []
    for location, size in files:
        known = memo.get(location) if memo is not None else None
        if known is not None:
            found[location] = known
        elif size >= _PARALLEL_FROM:
            large.append(location)
        else:
            found[location] = digest_file(location)
    if len(large) > 1:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(max_workers=min(8, (os.cpu_count() or 1))) as pool:
            found.update(zip(large, pool.map(digest_file, large), strict=True))
    else:
        found.update((location, digest_file(location)) for location in large)
    if memo is not None:
        memo.update(found)
    return found


def digest_file(location: str) -> str:
    """The sha256 of a file's content, in hexadecimal."""
    descriptor = os.open(location, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        return digest_descriptor(descriptor)
    finally:
        os.close(descriptor)


def digest_descriptor(descriptor: int) -> str:
    """The sha256 of what an open file holds from where it stands, in hexadecimal."""
    hasher = hashlib.sha256()
    while block := os.read(descriptor, 1 << 18):
        hasher.update(block)
    return hasher.hexdigest()


def _link_target(fact: str) -> str | None:
    return Entry.parse(fact).content if fact.startswith(_SYMLINK) else None


def _attributes(node: Node) -> str:
    if not node.location or node.kind is Kind.SYMLINK:
        return ""
    names = os.listxattr(node.location, follow_symlinks=False)
    kept = sorted(name for name in names if not name.startswith(("trusted.", "user.overlay.")))
    if not kept:
        return ""
    hasher = hashlib.sha256()
    for name in kept:
        value = os.getxattr(node.location, name, follow_symlinks=False)
        hasher.update(b"%d:%s=%d:%s" % (len(os.fsencode(name)), os.fsencode(name), len(value), value))
    return hasher.hexdigest()
