"""What the engine keeps on disk: layers and views of them, results, blobs, cache volumes, imports of host files."""

from embedded_engine.store.blobs import BlobStore
from embedded_engine.store.errors import (
    LinkLoopError,
    PathError,
    PathExistsError,
    PathIsDirectoryError,
    PathNotDirectoryError,
    PathNotFoundError,
    StoreError,
)
from embedded_engine.store.host import HostTrees
from embedded_engine.store.layers import LayerStore, StagedLayer
from embedded_engine.store.locks import Locks
from embedded_engine.store.manifest import Entry, Manifest
from embedded_engine.store.nodes import Owner
from embedded_engine.store.patterns import Patterns, glob_matches, host_patterns, parse_ignore_file
from embedded_engine.store.prune import Report, prune
from embedded_engine.store.results import ResultStore
from embedded_engine.store.rule import PatternError
from embedded_engine.store.shortening import LONGEST, shortened
from embedded_engine.store.store import Store, default_root
from embedded_engine.store.tree import EMPTY, Tree
from embedded_engine.store.union import Kind, Node, Union
from embedded_engine.store.volumes import Volumes
from embedded_engine.store.writer import LayerWriter

__all__ = [
    "EMPTY",
    "LONGEST",
    "BlobStore",
    "Entry",
    "HostTrees",
    "Kind",
    "LayerStore",
    "LayerWriter",
    "LinkLoopError",
    "Locks",
    "Manifest",
    "Node",
    "Owner",
    "PathError",
    "PathExistsError",
    "PathIsDirectoryError",
    "PathNotDirectoryError",
    "PathNotFoundError",
    "PatternError",
    "Patterns",
    "Report",
    "ResultStore",
    "StagedLayer",
    "Store",
    "StoreError",
    "Tree",
    "Union",
    "Volumes",
    "default_root",
    "glob_matches",
    "host_patterns",
    "parse_ignore_file",
    "prune",
    "shortened",
]
