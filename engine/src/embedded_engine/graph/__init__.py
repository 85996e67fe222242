"""The lazy graph: immutable nodes that say how a file system is made, and the one place that makes them."""

from __future__ import annotations

from embedded_engine.graph.execution import Execution, ExecutionMount, ExecutionRootfs, ExitExpectation
from embedded_engine.graph.filesystem import Image, Imported, Patch, Scratch
from embedded_engine.graph.graph import Graph
from embedded_engine.graph.node import FsNode

__all__ = [
    "Execution",
    "ExecutionMount",
    "ExecutionRootfs",
    "ExitExpectation",
    "FsNode",
    "Graph",
    "Image",
    "Imported",
    "Patch",
    "Scratch",
]
