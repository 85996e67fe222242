"""What the store remembers of an import: enough to see at a glance that nothing changed since."""

from __future__ import annotations

import json
import zlib
from array import array
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from embedded_engine.store.errors import StoreError
from embedded_engine.store.files import write_atomically
from embedded_engine.store.manifest import Manifest

_VERSION = 1


@dataclass(frozen=True)
class ImportIndex:
    """One import. `numbers` belong to `paths` as in a `Scan`; `racy` are places in them.

    A racy file had changed so shortly before it was read that a later change may have left no trace in its times.
    """

    paths: list[str]
    numbers: array[int]
    racy: list[int]
    layers: tuple[str, ...]
    digest: str
    dump: bytes

    @cached_property
    def manifest(self) -> Manifest:
        """What was imported."""
        return Manifest.load(self.dump, self.digest)

    @cached_property
    def places(self) -> dict[str, int]:
        """Where in `paths` each path is."""
        return {path: place for place, path in enumerate(self.paths)}

    def save(self, path: Path) -> None:
        """Write it to a file, whole or not at all."""
        names = "\0".join(self.paths).encode("utf-8", "surrogateescape")
        numbers = self.numbers.tobytes()
        body = names + numbers + self.dump
        head = {
            "version": _VERSION,
            "names": len(names),
            "numbers": len(numbers),
            "racy": self.racy,
            "layers": self.layers,
            "digest": self.digest,
            "checksum": zlib.crc32(body),
        }
        write_atomically(path, json.dumps(head).encode() + b"\n" + body)

    @classmethod
    def load(cls, path: Path) -> ImportIndex | None:
        """Read it from a file; None if there is none or it is damaged."""
        try:
            data = path.read_bytes()
            line, _, body = data.partition(b"\n")
            head = json.loads(line)
            if head["version"] != _VERSION or head["checksum"] != zlib.crc32(body):
                return None
            cut = head["names"]
            names = body[:cut].decode("utf-8", "surrogateescape")
            numbers = array("q")
            numbers.frombytes(body[cut : cut + head["numbers"]])
            dump = body[cut + head["numbers"] :]
            paths = names.split("\0") if names else []
            return cls(paths, numbers, head["racy"], tuple(head["layers"]), head["digest"], dump)
        except (OSError, ValueError, KeyError, TypeError, StoreError):
            return None
