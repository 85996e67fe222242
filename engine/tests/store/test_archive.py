"""A store as one file: saved on one machine, restored on another."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from embedded_engine.store import LayerWriter, Store, StoreError, Tree, Union
from embedded_engine.store.archive import restore, save

PLENTY = 1 << 40


def one_result(root: Path) -> Tree:
    """Make a store with one result whose layers hold what archives easily lose."""
    with Store.open(root) as store:
        with store.layers.stage() as staged:
            writer = LayerWriter(store.layers.union(Tree(())), staged)
            writer.write("/bin/tool", b"#!/bin/sh\n", mode=0o4755, owner=(12, 34))
            writer.write("/gone", b"x")
            writer.write("/dir/hidden", b"x")
            writer.write("/odd \n name", b"odd")
            writer.symlink("bin/tool", "/link")
            os.setxattr(staged.fs / "bin/tool", "user.note", b"kept")
            first = Tree((staged.commit(),))
        view = store.layers.union(first)
        with store.layers.stage(view) as staged:
            writer = LayerWriter(view, staged)
            writer.remove("/gone")
            writer.remove("/dir")
            writer.mkdir("/dir")
            tree = first.with_layer(staged.commit())
        blob = store.blobs.put(b"output")
        store.results.put("step", {"stdout": f"sha256:{blob}"}, tree.layers)
        (store.volumes.path("cache") / "wheel").write_bytes(b"w")
        (record,) = store.results.records()
        os.utime(record.path, ns=(1_700_000_000 * 10**9, record.path.stat().st_mtime_ns))
    return tree


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, Tree]:
    """A saved store, and the tree of its one result."""
    tree = one_result(tmp_path / "store")
    save(tmp_path / "store", tmp_path / "store.tar.zst", PLENTY)
    return tmp_path / "store.tar.zst", tree


def test_a_restored_store_is_the_one_that_was_saved(
    tmp_path: Path, saved: tuple[Path, Tree], shown: Callable[[Union], dict[str, list[Any]]]
) -> None:
    """Owners, modes, attributes, whiteouts, opaque directories, odd names, blobs, volumes and times come back."""
    archive, tree = saved
    restore(tmp_path / "other", archive)
    with Store.open(tmp_path / "store") as before, Store.open(tmp_path / "other") as after:
        (record,) = after.results.records()
        assert record.path.stat().st_atime_ns == 1_700_000_000 * 10**9
        assert after.results.get("step") == before.results.get("step")
        view = after.layers.union(tree)
        assert shown(view) == shown(before.layers.union(tree))
        assert not view.exists("/gone")
        assert list(view.list("/dir")) == []
        assert os.getxattr(view.stat("/bin/tool").real, "user.note") == b"kept"
        assert (after.volumes.path("cache") / "wheel").read_bytes() == b"w"


def test_what_belongs_to_one_machine_stays_there(tmp_path: Path) -> None:
    """Imports of host trees and the key of secrets are not in the file."""
    root, host = tmp_path / "store", tmp_path / "host"
    one_result(root)
    host.mkdir()
    (host / "f").write_text("of the host")
    with Store.open(root) as store:
        imported, _ = store.hosts.import_tree(host)
    (root / "secret.key").write_bytes(b"k" * 32)
    save(root, tmp_path / "file", PLENTY)
    restore(tmp_path / "other", tmp_path / "file")
    assert not (tmp_path / "other/secret.key").exists()
    assert list((tmp_path / "other/hosts").iterdir()) == []
    with Store.open(tmp_path / "other") as store:
        assert not any(store.layers.has(layer) for layer in imported.layers)


def test_a_store_is_pruned_before_it_is_saved(tmp_path: Path) -> None:
    """No more is saved than may be kept."""
    one_result(tmp_path / "store")
    assert save(tmp_path / "store", tmp_path / "file", 0).results == 1
    restore(tmp_path / "other", tmp_path / "file")
    with Store.open(tmp_path / "other") as store:
        assert store.results.get("step") is None


@pytest.mark.parametrize("damage", ["cut", "flipped", "nonsense", "empty"])
def test_a_damaged_file_restores_nothing(tmp_path: Path, saved: tuple[Path, Tree], damage: str) -> None:
    """A file that is cut short, altered or something else is refused in one line, and no store is left."""
    archive, _ = saved
    whole = archive.read_bytes()
    middle = len(whole) // 2
    archive.write_bytes(
        {
            "cut": whole[:middle],
            "flipped": whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :],
            "nonsense": b"no archive",
            "empty": b"",
        }[damage]
    )
    with pytest.raises(StoreError) as refused:
        restore(tmp_path / "other", archive)
    assert "\n" not in str(refused.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store", "store.tar.zst"]


def test_a_store_is_never_overwritten(tmp_path: Path, saved: tuple[Path, Tree]) -> None:
    """Where a store is already, nothing is restored."""
    with pytest.raises(StoreError, match="already: restore into an empty place"):
        restore(tmp_path / "store", saved[0])


def test_a_store_in_use_is_not_saved(tmp_path: Path) -> None:
    """While a session has the store open, it is not saved, and no file appears."""
    one_result(tmp_path / "store")
    with Store.open(tmp_path / "store"), pytest.raises(StoreError, match="is in use"):
        save(tmp_path / "store", tmp_path / "file", PLENTY)
    assert not (tmp_path / "file").exists()


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    """Without a store, or without a file, one line says which is missing."""
    with pytest.raises(StoreError, match="there is no store at"):
        save(tmp_path / "store", tmp_path / "file", PLENTY)
    with pytest.raises(StoreError, match="there is no saved store at"):
        restore(tmp_path / "store", tmp_path / "file")
