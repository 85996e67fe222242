"""A tree: the stack of layers that makes up one file system."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tree:
    """Layer ids of a `LayerStore`, the bottom one first. No layers is the empty directory."""

    layers: tuple[str, ...] = ()

    def with_layer(self, layer: str) -> Tree:
        """This tree with one more layer on top."""
        return Tree((*self.layers, layer))


EMPTY = Tree()
