"""A store, and archives of layers as strangers write them."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard

from embedded_engine.images.settings import Settings
from embedded_engine.images.unpack import unpack
from embedded_engine.store import EMPTY, Store, Tree, Union

MakeArchive = Callable[..., Path]
Apply = Callable[..., Union]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A fresh store."""
    with Store.open(tmp_path / "store") as opened:
        yield opened


@pytest.fixture
def settings() -> Settings:
    """Settings that no file and no environment has a part in."""
    return Settings(connect_timeout=30.0, read_timeout=60.0)


@pytest.fixture
def make_archive(tmp_path: Path) -> MakeArchive:
    """Write a layer's archive: `make_archive({"path": b"content", "dir/": None, "link": "target"}, "gzip")`.

    A value may also be a dictionary of TarInfo's fields, with `content`.
    """

    def make(entries: dict[str, Any] | list[tuple[str, Any]], compression: str = "plain") -> Path:
        raw = io.BytesIO()
        with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for name, value in entries.items() if isinstance(entries, dict) else entries:
                info, content = _entry(name, value)
                archive.addfile(info, io.BytesIO(content))
        data = raw.getvalue()
        if compression == "gzip":
            data = gzip.compress(data)
        elif compression == "zstd":
            data = zstandard.compress(data)
        place = tmp_path / f"archive-{hashlib.sha256(data).hexdigest()[:12]}"
        place.write_bytes(data)
        return place

    return make


def _entry(name: str, value: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name.removesuffix("/"))
    content = b""
    if value is None:
        info.type, info.mode = tarfile.DIRTYPE, 0o755
    elif isinstance(value, str):
        info.type, info.linkname = tarfile.SYMTYPE, value
    elif isinstance(value, bytes):
        content = value
    else:
        fields = dict(value)
        content = fields.pop("content", b"")
        for field, setting in fields.items():
            setattr(info, field, setting)
    if info.isreg():
        info.size = max(info.size, len(content))
    return info, content


@pytest.fixture
def apply(store: Store, make_archive: MakeArchive) -> Apply:
    """Unpack layers over each other and return the view of all: `apply({...}, {...})`."""

    def make(*layers: dict[str, Any] | list[tuple[str, Any]] | Path) -> Union:
        tree: Tree = EMPTY
        for layer in layers:
            archive = layer if isinstance(layer, Path) else make_archive(layer)
            below = store.layers.union(tree)
            with store.layers.stage(below if tree.layers else None) as staged:
                unpack(archive, staged, below)
                tree = tree.with_layer(staged.commit())
        return store.layers.union(tree)

    return make
