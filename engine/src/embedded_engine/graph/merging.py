"""Changesets merged by git: each one a branch on what was before, one merge of all."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from embedded_engine.errors import EngineError
from embedded_engine.git_program import GitError, run_git
from embedded_engine.graph.comparison import Differences
from embedded_engine.graph.difference import Place, differences
from embedded_engine.graph.filesystem import Change
from embedded_engine.graph.identity import fingerprint
from embedded_engine.graph.patches import materialise, patch_between, take_over
from embedded_engine.store import LayerWriter
from embedded_engine.store.files import remove_tree

if TYPE_CHECKING:
    from embedded_engine.graph.graph import Graph

_OURS = "side-0"


class ConflictError(EngineError):
    """Changesets that cannot be merged as asked."""


class OnConflict(enum.Enum):
    """What to do where two changesets change the same thing."""

    FAIL = "FAIL"
    FAIL_EARLY = "FAIL_EARLY"
    LEAVE_CONFLICT_MARKERS = "LEAVE_CONFLICT_MARKERS"
    PREFER_OURS = "PREFER_OURS"
    PREFER_THEIRS = "PREFER_THEIRS"


@dataclass(frozen=True)
class MergeChanges(Change):
    """The directory `base` with the changes of several sides, each (before, after), merged into it."""

    base: Place
    sides: tuple[tuple[Place, Place], ...]
    on_conflict: OnConflict

    async def inputs(self, graph: Graph) -> str:
        contents = [(await before.content(graph), await after.content(graph)) for before, after in self.sides]
        return fingerprint("merge", contents, self.base.path, self.on_conflict)

    async def prepare(self, graph: Graph) -> Callable[[LayerWriter], None]:
        found = [await differences(graph, *side) for side in self.sides]
        patches = [await patch_between(graph, *side) for side in self.sides]
        base = await graph.union(self.base.fs)
        touched = sorted({path for each in found for path in (*each.added, *each.modified, *each.all_removed)})

        def write(writer: LayerWriter) -> None:
            folder = graph.store.scratch()
            try:
                materialise(base, self.base.path, touched, folder)
                _branch_out(folder, patches)
                _merge(folder, found, self.on_conflict)
                take_over(writer, self.base.path, folder, [path for path in touched if not path.endswith("/")])
            finally:
                remove_tree(folder)

        return write


def conflicts(first: Differences, second: Differences) -> list[tuple[str, str]]:
    """Paths that two changesets change in ways that exclude each other, each with why."""
    added, modified, removed = set(second.added), set(second.modified), set(second.all_removed)
    found = [(path, "path added in both changesets") for path in first.added if path in added]
    for path in first.modified:
        if path in modified:
            found.append((path, "path modified in both changesets"))
        elif path in removed:
            found.append((path, "path modified in one changeset and removed in the other"))
    gone = [path for path in first.all_removed if path in modified]
    return found + [(path, "path modified in one changeset and removed in the other") for path in gone]


def check(sides: Sequence[Differences]) -> None:
    """Fail if any two changesets have a conflict, before anything is merged."""
    for number, first in enumerate(sides):
        for second in sides[number + 1 :]:
            if found := conflicts(first, second):
                raise ConflictError(
                    "; ".join(f'conflict between changesets at path "{path}": {why}' for path, why in found)
                )


def _branch_out(folder: Path, patches: Sequence[bytes]) -> None:
    """One commit for what was before, and on it a branch for each patch."""
    run_git(["init", "-q", "-b", "base", "."], folder)
    _commit(folder)
    for number, patch in enumerate(patches):
        run_git(["checkout", "-q", "-b", f"side-{number}", "base"], folder)
        run_git(["apply", "--allow-empty", "-"], folder, stdin=patch)
        _commit(folder)


def _commit(folder: Path) -> None:
    run_git(["add", "-A", "-f"], folder)
    run_git(["commit", "-q", "--allow-empty", "-m", "changes"], folder)


def _merge(folder: Path, sides: Sequence[Differences], on_conflict: OnConflict) -> None:
    run_git(["checkout", "-q", _OURS], folder)
    prefer = {OnConflict.PREFER_OURS: ["-X", "ours"], OnConflict.PREFER_THEIRS: ["-X", "theirs"]}
    command = ["merge", "--no-edit", "--no-commit", *prefer.get(on_conflict, [])]
    others = [f"side-{number}" for number in range(1, len(sides))]
    try:
        run_git([*command, *others], folder)
    except GitError as error:
        if on_conflict in (OnConflict.FAIL, OnConflict.FAIL_EARLY):
            paths = _unmerged(folder)
            raise ConflictError(f"git merge: conflicts in {', '.join(paths)}" if paths else str(error)) from None
        _resolve(folder, sides[0], sides[1], on_conflict)


def _resolve(folder: Path, ours: Differences, theirs: Differences, on_conflict: OnConflict) -> None:
    """Settle what git leaves open where one side changed a file and the other removed it."""
    for path in _unmerged(folder):
        we_removed, they_removed = path in ours.all_removed, path in theirs.all_removed
        if not (we_removed or they_removed):
            if on_conflict is OnConflict.LEAVE_CONFLICT_MARKERS and _is_binary(folder / path):
                raise ConflictError(f"git merge: conflict in the binary file {path}")
            continue
        use_ours = on_conflict is OnConflict.PREFER_OURS
        if on_conflict is OnConflict.LEAVE_CONFLICT_MARKERS:
            use_ours = they_removed
        if we_removed if use_ours else they_removed:
            run_git(["rm", "-q", "--force", "--", path], folder)
        else:
            run_git(["checkout", "-q", "--ours" if use_ours else "--theirs", "--", path], folder)


def _unmerged(folder: Path) -> list[str]:
    listed = run_git(["diff", "--name-only", "--diff-filter=U", "-z"], folder)
    return [path for path in listed.decode("utf-8", "surrogateescape").split("\0") if path]


def _is_binary(path: Path) -> bool:
    return path.is_file() and b"\0" in path.read_bytes()[:8000]
