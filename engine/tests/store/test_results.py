"""Results and blobs."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

import pytest

from embedded_engine.store import Store, StoreError
from embedded_engine.store.files import remove_tree


def only_record(store: Store) -> Path:
    (path,) = (store.root / "results").glob("*/*")
    return path


def test_a_result_is_found_again(store: Store) -> None:
    """Values come back as they were put, the last one wins, other keys know nothing."""
    layer = store.layers.stage().commit()
    store.results.put("key", {"old": 1})
    store.results.put("key", {"text": "ä\udcff", "list": [1, None]}, [layer])
    assert store.results.get("key") == {"text": "ä\udcff", "list": [1, None]}
    assert store.results.get("other") is None


def test_every_damage_makes_a_result_absent(store: Store) -> None:
    """A record cut at any place, or with one byte changed, is not believed."""
    store.results.put("key", {"exit": 0})
    path = only_record(store)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert store.results.get("key") is None
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert store.results.get("key") is None
    path.write_bytes(whole)
    assert store.results.get("key") == {"exit": 0}


def test_a_result_needs_its_layers(store: Store) -> None:
    """When a layer is gone, what refers to it is absent."""
    layer = store.layers.stage().commit()
    store.results.put("key", {}, [layer])
    store.layers.sealer.close()
    remove_tree(store.layers.home(layer))
    with Store.open(store.root) as other:
        assert other.results.get("key") is None


def test_asking_is_remembered(store: Store) -> None:
    """The time of the last use is kept apart from the time of writing."""
    store.results.put("key", {})
    path = only_record(store)
    os.utime(path, ns=(1, 2))
    store.results.get("key")
    assert path.stat().st_atime_ns > 10**18
    assert path.stat().st_mtime_ns == 2
    (record,) = store.results.records()
    assert (record.key, record.used_ns > 10**18) == ("key", True)


def test_blobs_are_named_by_content(store: Store) -> None:
    """Bytes, streams and pieces of the same content are one blob."""
    digest = hashlib.sha256(b"content").hexdigest()
    assert store.blobs.put(b"content") == digest
    assert store.blobs.put(io.BytesIO(b"content")) == digest
    assert store.blobs.put(iter([b"con", b"tent"]), expect=f"sha256:{digest}") == digest
    file = store.scratch() / "file"
    file.write_bytes(b"content")
    assert store.blobs.add(file) == digest
    assert store.blobs.read(f"sha256:{digest}") == b"content"
    assert not file.exists()
    assert store.blobs.has(digest)


def test_a_wrong_blob_is_refused(store: Store) -> None:
    """Content that is not what was announced is told and not kept; so is what is no digest, and what is not there."""
    with pytest.raises(StoreError, match="the content has digest"):
        store.blobs.put(b"content", expect="sha256:" + "0" * 64)
    assert list(store.blobs.root.iterdir()) == []
    with pytest.raises(StoreError, match="not a sha256 digest"):
        store.blobs.path("../../etc/passwd")
    with pytest.raises(StoreError, match="no blob with digest"):
        store.blobs.read("0" * 64)
