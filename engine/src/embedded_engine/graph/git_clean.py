"""The change that brings a work tree back to its last commit."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from embedded_engine.git_program import run_git
from embedded_engine.graph.export import export_directory
from embedded_engine.graph.filesystem import Change
from embedded_engine.graph.identity import fingerprint
from embedded_engine.graph.node import FsNode
from embedded_engine.graph.patches import take_over
from embedded_engine.store import LayerWriter
from embedded_engine.store.files import remove_tree

if TYPE_CHECKING:
    from embedded_engine.graph.graph import Graph


@dataclass(frozen=True)
class DiscardUncommitted(Change):
    """Changed files as they were committed, and no files that git does not know, but those that it ignores."""

    base: FsNode
    path: str

    async def inputs(self, graph: Graph) -> str:
        return fingerprint("git-clean", self.path)

    async def prepare(self, graph: Graph) -> Callable[[LayerWriter], None]:
        base = await graph.union(self.base)

        def write(writer: LayerWriter) -> None:
            folder = graph.store.scratch()
            try:
                export_directory(base, self.path, folder)
                changed = _changed(folder)
                run_git(["restore", "--staged", "."], folder)
                run_git(["restore", "."], folder)
                run_git(["clean", "-fdq"], folder)
                untracked = [path for path in changed if path.endswith("/")]
                take_over(writer, self.path, folder, [path for path in changed if not path.endswith("/")])
                for path in untracked:
                    writer.remove(posixpath.join(self.path, path))
            finally:
                remove_tree(folder)

        return write


def _changed(folder: Path) -> list[str]:
    """Every path that differs from HEAD, in the index or in the work tree; untracked directories end with `/`."""
    fields = run_git(["status", "--porcelain", "-z", "--no-renames"], folder).split(b"\0")
    return [entry[3:].decode("utf-8", "surrogateescape") for entry in fields if entry]
