"""Results by key: what a step gave, and the layers it needs. A record that cannot be trusted counts as absent."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embedded_engine.store.errors import storage_errors
from embedded_engine.store.files import read_unnoticed, write_atomically
from embedded_engine.store.layers import LayerStore


@dataclass(frozen=True)
class Record:
    """One stored result. `used_ns` is when it was last asked for."""

    path: Path
    key: str
    value: dict[str, Any]
    layers: tuple[str, ...]
    used_ns: int


class ResultStore:
    """Small JSON objects by key, each with the layers that it refers to."""

    def __init__(self, root: Path, layers: LayerStore) -> None:
        self._root = root
        self._layers = layers

    def get(self, key: str) -> dict[str, Any] | None:
        """The value stored under a key; None if there is none, if it is damaged, or if a layer of it is gone."""
        record = self._read(self._path(key))
        if record is None or record.key != key or not self._layers.has_all(record.layers):
            return None
        with contextlib.suppress(OSError):
            # The access time says when it was used, the modification time when it was written.
            os.utime(record.path, ns=(time.time_ns(), record.path.stat().st_mtime_ns))
        return record.value

    def put(self, key: str, value: dict[str, Any], layers: Iterable[str] = ()) -> None:
        """Store a value, at once or not at all; it replaces what was there."""
        body = json.dumps({"key": key, "layers": list(layers), "value": value}, separators=(",", ":")).encode()
        path = self._path(key)
        with storage_errors("store a result"):
            try:
                write_atomically(path, _checksum(body) + b"\n" + body)
            except FileNotFoundError:
                path.parent.mkdir(exist_ok=True)
                write_atomically(path, _checksum(body) + b"\n" + body)

    def records(self) -> Iterator[Record]:
        """Every record that can be read; damaged ones are removed."""
        for path in sorted(self._root.glob("??/*")):
            if path.name.startswith("."):
                continue
            record = self._read(path)
            if record is None:
                with contextlib.suppress(OSError):
                    path.unlink()
            else:
                yield record

    def _read(self, path: Path) -> Record | None:
        try:
            # The access time is when a result was last asked for, and a look at all of them is no use of any.
            data, used = read_unnoticed(path)
        except OSError:
            return None
        checksum, _, body = data.partition(b"\n")
        if checksum != _checksum(body):
            return None
        try:
            content = json.loads(body)
            return Record(path, content["key"], content["value"], tuple(content["layers"]), used)
        except (ValueError, KeyError, TypeError):
            return None

    def _path(self, key: str) -> Path:
        name = hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
        return self._root / name[:2] / name[2:]


def _checksum(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode()
