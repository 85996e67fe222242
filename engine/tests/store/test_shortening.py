"""Long stacks made shorter: the same tree in fewer layers, for the store's reading and for the kernel's."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from embedded_engine.store import EMPTY, LONGEST, LayerWriter, Manifest, Store, StoreError, Tree, prune, shortened
from embedded_engine.store.shortening import RUN

NAMES = ["a", "b", "c", "lib"]
LAYERS = 14


@pytest.fixture(params=[False, True], ids=["root", "rootless"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A store with marks for root, and one with marks that ordinary users can write."""
    with Store.open(tmp_path / "store", rootless=request.param) as opened:
        yield opened


def some_change(chance: random.Random) -> Any:
    """Something that a layer may do, by chance."""
    path = "/" + "/".join(chance.choice(NAMES) for _ in range(chance.randint(1, 3)))
    number = chance.randint(1, 999)
    return chance.choice(
        [
            lambda writer: writer.write(path, b"%d" % number, owner=(number, 0)),
            lambda writer: writer.mkdir(path, mode=0o700 + number % 64),
            lambda writer: writer.symlink(f"../{NAMES[number % 4]}", path),
            lambda writer: writer.remove(path),
            lambda writer: (writer.remove(path), writer.mkdir(path), writer.write(f"{path}/c", b"%d" % number)),
            lambda writer: (writer.remove(path), writer.write(path, b"in place")),
            lambda writer: writer.chown(path, (number, number)),
        ]
    )


def some_stack(store: Store, chance: random.Random, image: int) -> Tree:
    """A stack whose first layers have names of their own, as an image's have."""
    tree = EMPTY
    for number in range(LAYERS):
        view = store.layers.union(tree)
        with store.layers.stage(view) as staged:
            writer = LayerWriter(view, staged)
            for _ in range(chance.randint(1, 5)):
                try:
                    some_change(chance)(writer)
                except StoreError:
                    continue  # the path is taken, or leads through a file
            tree = tree.with_layer(staged.commit(f"oci-{chance.random()}" if number < image else None))
    return tree


@pytest.mark.parametrize("seed", range(4))
def test_a_shorter_stack_is_the_same_tree(store: Store, judge: Any, shown: Any, seed: int) -> None:
    """Whatever a stack's layers do, fewer of them show the same, with times and owners, and to the kernel too."""
    chance = random.Random(seed)
    jobs, views = [], []
    for image in (0, 1, 3):
        tree = some_stack(store, chance, image)
        short = shortened(store, tree, longest=6, run=3)
        assert len(short.layers) <= max(6, image + 5)
        assert short.layers[:image] == tree.layers[:image]
        before, after = store.layers.union(tree), store.layers.union(short)
        assert Manifest.of(after) == Manifest.of(before)
        assert times(after) == times(before)
        jobs.append({"lowers": [str(path) for path in store.layers.paths(short)], "rootless": store.rootless})
        views.append(shown(before))
    assert [answer["tree"] for answer in judge(jobs)] == views


def times(view: Any) -> dict[str, int]:
    return {path: node.mtime_ns for path, node in view.walk()}


def test_the_same_run_is_merged_once(store: Store) -> None:
    """What was merged is found again, by the same stack and by another one that begins alike."""
    tree = some_stack(store, random.Random(1), 1)
    first = shortened(store, tree, longest=6, run=3)
    known = set(os.listdir(store.layers.root))
    assert shortened(store, tree, longest=6, run=3) == first
    assert shortened(store, Tree(tree.layers[:-1]), longest=6, run=3).layers[:-1] == first.layers[:-2]
    assert set(os.listdir(store.layers.root)) == known


def test_a_short_stack_stays_as_it_is(store: Store) -> None:
    """Nothing is merged that need not be."""
    tree = some_stack(store, random.Random(2), 0)
    assert shortened(store, tree) == tree


def test_what_is_merged_outlives_pruning_only_while_it_is_used(store: Store) -> None:
    """A merged layer is a result like others: kept while there is room."""
    short = shortened(store, some_stack(store, random.Random(3), 0), longest=6, run=3)
    merged = [layer for layer in short.layers if layer.startswith("merged")]
    store.close()
    prune(store.root, 1 << 40)
    assert merged
    assert all((store.root / "layers" / layer).exists() for layer in merged)
    prune(store.root, 0)
    assert not any((store.root / "layers" / layer).exists() for layer in merged)


def test_a_chain_of_any_length_stays_below_the_kernels_limit(store: Store) -> None:
    """Three hundred steps, one file each, are never more layers than overlayfs joins, and no file is lost."""
    tree = EMPTY
    for number in range(300):
        view = store.layers.union(tree)
        with store.layers.stage(view) as staged:
            LayerWriter(view, staged).write(f"/folder/{number}", b"")
            tree = shortened(store, tree.with_layer(staged.commit()))
        assert len(tree.layers) <= LONGEST
    assert len(store.layers.union(tree).list("/folder")) == 300
    assert len([layer for layer in tree.layers if layer.startswith("merged1-")]) == (300 - LONGEST) // RUN + 1
