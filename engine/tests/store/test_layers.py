"""Layers: staged, committed, dropped, removed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from embedded_engine.store import Store, StoreError, Tree
from embedded_engine.store.files import make_whiteout, remove_tree


def test_a_committed_layer_is_whole(store: Store) -> None:
    """What was staged is the layer, nothing else of the staging is left."""
    staged = store.layers.stage()
    (staged.fs / "f").write_text("x")
    (staged.work / "work").mkdir(mode=0)
    layer = staged.commit()
    assert store.layers.has(layer)
    store.layers.sealer.close()
    assert sorted(path.name for path in store.layers.home(layer).iterdir()) == ["fs", "seal", "summary"]
    assert (store.layers.path(layer) / "f").read_text() == "x"
    assert not staged.home.exists()


def test_the_first_layer_with_an_id_stands(store: Store) -> None:
    """When a layer exists already, the other one is dropped without trace."""
    for text in ("first", "second"):
        with store.layers.stage() as staged:
            (staged.fs / "f").write_text(text)
            assert staged.commit("sha256-abc") == "sha256-abc"
    assert (store.layers.path("sha256-abc") / "f").read_text() == "first"
    assert [path.name for path in (store.root / "staging").glob("*/*")] == ["lock"]


def test_a_layer_is_committed_once(store: Store) -> None:
    """Committing what is committed or abandoned is an error."""
    staged = store.layers.stage()
    staged.commit()
    with pytest.raises(StoreError, match="already"):
        staged.commit()
    staged.abandon()


@pytest.mark.parametrize("layer", ["", "..", "a/b", ".hidden", "x" * 200, "a\nb"])
def test_ids_never_lead_elsewhere(store: Store, layer: str) -> None:
    """What is no id is neither found nor turned into a path."""
    assert not store.layers.has(layer)
    with pytest.raises(StoreError, match="not a layer id"):
        store.layers.path(layer)


def test_an_absent_layer_is_noticed(store: Store) -> None:
    """A stack is complete only when each of its layers is there."""
    layer = store.layers.stage().commit()
    assert store.layers.has_all([layer])
    assert not store.layers.has_all([layer, "0123456789abcdef"])
    assert store.layers.paths(Tree((layer,))) == [store.layers.path(layer)]


def test_anything_can_be_removed(tmp_path: Path) -> None:
    """Directories without permission, odd names, whiteouts and great depth are no hindrance."""
    top = tmp_path / "top"
    (top / "locked" / "in").mkdir(parents=True)
    (top / "locked" / "in" / "file").touch()
    (top / "\udcff\n").mkdir()
    (top / "dangling").symlink_to("nowhere")
    (top / "outside").symlink_to(tmp_path)
    (tmp_path / "kept").touch()
    if os.geteuid() == 0:
        make_whiteout(str(top / "whiteout"))
    descriptor = os.open(top, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("deep", dir_fd=descriptor)
        below = os.open("deep", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(descriptor)
    (top / "locked" / "in").chmod(0)
    (top / "locked").chmod(0o500)
    remove_tree(top)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    remove_tree(top)
