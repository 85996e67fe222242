"""Patches: made of the difference between two trees, and applied to one, by the machine's git."""

from __future__ import annotations

import asyncio
import posixpath
import re
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from embedded_engine.git_program import run_git
from embedded_engine.graph.difference import Place, differences
from embedded_engine.graph.filesystem import Change
from embedded_engine.graph.identity import fingerprint
from embedded_engine.graph.node import FsNode
from embedded_engine.store import Kind, LayerWriter, Union
from embedded_engine.store.files import remove_tree
from embedded_engine.store.union import clean

if TYPE_CHECKING:
    from embedded_engine.graph.graph import Graph

_HEADER = re.compile(rb"^(?:--- |\+\+\+ |rename (?:from|to) |copy (?:from|to) )(.*)$", re.MULTILINE)
_DIFF = re.compile(rb'^diff --git ("?a/.*?"?) ("?b/.*"?)$', re.MULTILINE)
_ESCAPE = re.compile(rb'\\([0-7]{3}|[abtnvfr"\\])')
_CONTROL = {b"a": b"\a", b"b": b"\b", b"t": b"\t", b"n": b"\n", b"v": b"\v", b"f": b"\f", b"r": b"\r"}


@dataclass(frozen=True)
class MakePatch(Change):
    """The difference between two directories as a patch at `path`."""

    before: Place
    after: Place
    path: str

    async def inputs(self, graph: Graph) -> str:
        return fingerprint("make-patch", await self.before.content(graph), await self.after.content(graph), self.path)

    async def prepare(self, graph: Graph) -> Callable[[LayerWriter], None]:
        patch = await patch_between(graph, self.before, self.after)

        def write(writer: LayerWriter) -> None:
            writer.write(self.path, patch)

        return write


@dataclass(frozen=True)
class ApplyPatch(Change):
    """A patch, `patch_path` of the file system `patch`, applied to the directory at `path`."""

    base: FsNode
    path: str
    patch: FsNode
    patch_path: str

    async def inputs(self, graph: Graph) -> str:
        return fingerprint("apply-patch", self.path, await graph.content(self.patch, self.patch_path))

    async def prepare(self, graph: Graph) -> Callable[[LayerWriter], None]:
        base = await graph.union(self.base)
        patch = await asyncio.to_thread((await graph.union(self.patch)).read, self.patch_path)

        def write(writer: LayerWriter) -> None:
            folder = graph.store.scratch()
            try:
                touched = paths_of(patch)
                materialise(base, self.path, touched, folder)
                run_git(["apply", "--allow-empty", "-"], folder, stdin=patch)
                take_over(writer, self.path, folder, touched)
            finally:
                remove_tree(folder)

        return write


@dataclass(frozen=True)
class LineCount:
    """Lines that a file gained and lost; `old` is where it was, if it was moved."""

    added: int
    removed: int
    old: str = ""


async def patch_between(graph: Graph, before: Place, after: Place) -> bytes:
    """The difference between two directories as git writes it."""
    return await _diff(graph, before, after, "--binary", "--no-prefix")


async def line_counts(graph: Graph, before: Place, after: Place) -> dict[str, LineCount]:
    """The lines that changed, by the path after the change, or before it where the file is gone."""
    fields = iter(
        (await _diff(graph, before, after, "--numstat", "-z", "-M")).decode("utf-8", "surrogateescape").split("\0")
    )
    found: dict[str, LineCount] = {}
    for entry in fields:
        if not entry:
            continue
        added, removed, path = entry.split("\t", 2)
        # A moved or changed file has no path here: both paths follow, as entries of their own.
        old, new = (next(fields), next(fields)) if not path else (path, path)
        old_path, new_path = (each.partition("/")[2] if each != "/dev/null" else "" for each in (old, new))
        count = LineCount(_number(added), _number(removed), old_path if old_path and old_path != new_path else "")
        found[new_path or old_path] = count if new_path else LineCount(count.added, count.removed)
    return found


async def _diff(graph: Graph, before: Place, after: Place, *options: str) -> bytes:
    """What git says of two directories; only what differs is looked at."""
    found = await differences(graph, before, after)
    sides = [("a", await graph.union(before.fs), before.path), ("b", await graph.union(after.fs), after.path)]
    paths = (*found.added, *found.modified, *found.all_removed)

    def diff() -> bytes:
        folder = graph.store.scratch()
        try:
            for name, union, root in sides:
                (folder / name).mkdir()
                materialise(union, root, paths, folder / name)
            return run_git(["diff", *options, "--no-index", "a", "b"], folder, accept=(0, 1))
        finally:
            remove_tree(folder)

    return await asyncio.to_thread(diff)


def _number(text: str) -> int:
    """A count of lines; a binary file has none."""
    return int(text) if text.isdecimal() else 0


def materialise(union: Union, root: str, paths: Iterable[str], folder: Path) -> None:
    """Copy the files and links at `paths` below `root` into a directory of this machine; what is missing is left out."""
    top = union.resolve(root).rstrip("/")
    for path in paths:
        # Only what lies at the path itself: a way through a link would lead to another path.
        place = f"{top}/{path}"
        if path.endswith("/") or union.resolve(place, follow=False) != place or not union.exists(place, follow=False):
            continue
        node = union.stat(place, follow=False)
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if node.kind is Kind.FILE:
            shutil.copyfile(node.real, target)
            target.chmod(node.mode | 0o200)
        elif node.kind is Kind.SYMLINK:
            target.symlink_to(node.target)


def take_over(writer: LayerWriter, root: str, folder: Path, paths: Iterable[str]) -> None:
    """Make the paths below `root` what they are in a directory of this machine. Owners stay, new files are root's."""
    made = Union((folder,))
    for path in sorted(set(paths)):
        place = posixpath.join(root, path)
        known = writer.view.stat(place, follow=False) if writer.view.exists(place, follow=False) else None
        if not made.exists(path, follow=False):
            if known is not None and not known.is_dir:
                writer.remove(place)
                _remove_empty_parents(writer, root, path)
            continue
        node = made.stat(path, follow=False)
        if node.is_dir:
            continue
        owner = (known.uid, known.gid) if known is not None else (0, 0)
        # Git knows one bit of a mode; the others are as they were, where the file was there.
        mode = None
        if known is not None and known.kind is Kind.FILE and node.kind is Kind.FILE:
            mode = known.mode | 0o111 if node.mode & 0o100 else known.mode & ~0o111
        if node.kind is Kind.FILE:
            with node.real.open("rb") as content:
                if known is not None:
                    writer.remove(place)
                writer.write(place, content, mode=node.mode if mode is None else mode, owner=owner)
        else:
            writer.put(place, node, owner)


def _remove_empty_parents(writer: LayerWriter, root: str, path: str) -> None:
    """Git keeps no empty directories: those that a removal leaves empty go too."""
    parent = posixpath.dirname(path)
    while parent and not writer.view.list(posixpath.join(root, parent)):
        writer.remove(posixpath.join(root, parent))
        parent = posixpath.dirname(parent)


def paths_of(patch: bytes) -> tuple[str, ...]:
    """Every path that a patch names, as seen from the directory that it is applied to."""
    found: list[str] = []
    for match in _HEADER.finditer(patch):
        name = _unquoted(match[1].partition(b"\t")[0])
        # Git takes a plain name as it is; of others it leaves out the first word, where the header is a diff's.
        strip = "/" in name and not match[0].startswith((b"rename", b"copy"))
        found.append(name.partition("/")[2] if strip else name)
    for match in _DIFF.finditer(patch):
        found += (_unquoted(name).partition("/")[2] for name in match.groups())
    return tuple(dict.fromkeys(clean(path)[1:] for path in found if path and path != "dev/null" and clean(path)))


def _unquoted(name: bytes) -> str:
    if name.startswith(b'"') and name.endswith(b'"'):
        name = _ESCAPE.sub(_character, name[1:-1])
    return name.decode("utf-8", "surrogateescape")


def _character(match: re.Match[bytes]) -> bytes:
    code = match[1]
    return bytes([int(code, 8)]) if code[:1].isdigit() else _CONTROL.get(code, code)
