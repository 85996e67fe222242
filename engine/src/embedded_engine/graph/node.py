"""What every file system of the graph has: a definition that identifies it, a key, and a way to be made."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from embedded_engine.graph.identity import fingerprint

if TYPE_CHECKING:
    from embedded_engine.graph.graph import Graph
    from embedded_engine.store import Tree


@dataclass(frozen=True, eq=False)
class FsNode(ABC):
    """An immutable description of a file system. Nothing is done until the graph is asked for its tree or key.

    `digest` identifies the *definition* within a session. The *key* identifies what comes out, across sessions:
    it is made of the keys of content that came from outside and of the steps applied to it.
    """

    digest: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        parts = (getattr(self, each.name) for each in fields(self) if each.name != "digest" and each.compare)
        object.__setattr__(self, "digest", fingerprint(type(self).__name__, *parts))

    def identity(self) -> str:
        """What stands for this node in the id of an API value."""
        return self.digest

    @abstractmethod
    async def key(self, graph: Graph) -> str:
        """The key of the result. May do the work of steps before it whose content it needs. Ask `Graph.key`."""

    @abstractmethod
    async def build(self, graph: Graph) -> Tree:
        """Make it, or find it in the store. Called at most once in a session: ask `Graph.tree`."""
