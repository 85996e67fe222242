"""The store's reading and writing of layers against the kernel's."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from embedded_engine.store import EMPTY, LayerWriter, Store, StoreError, Tree, Union

NAMES = ["a", "b", "c", "lib", "lib64"]


def paths_of(store: Store, tree: Tree) -> list[str]:
    return [str(path) for path in store.layers.paths(tree)]


def some_path(chance: random.Random, longest: int = 3) -> str:
    return "/" + "/".join(chance.choice(NAMES) for _ in range(chance.randint(1, longest)))


def some_tree(chance: random.Random, depth: int = 2) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name in chance.sample(NAMES, chance.randint(0, 3)):
        kind = chance.random()
        if kind < 0.45 and depth:
            tree[name] = some_tree(chance, depth - 1)
        elif kind < 0.6:
            tree[name] = ["link", chance.choice(["a", "../b", "/c", "/a/b", "nowhere"])]
        else:
            tree[name] = f"copied {chance.randint(0, 9)}"
    return tree


def some_steps(chance: random.Random) -> list[list[Any]]:
    steps: list[list[Any]] = []
    for _ in range(chance.randint(1, 8)):
        kind = chance.random()
        if kind < 0.25:
            steps.append(["write", some_path(chance), f"text {chance.randint(0, 99)}"])
        elif kind < 0.4:
            steps.append(["mkdir", some_path(chance)])
        elif kind < 0.55:
            target = chance.choice([some_path(chance), chance.choice(NAMES), f"../{chance.choice(NAMES)}"])
            steps.append(["symlink", some_path(chance, 2), target])
        elif kind < 0.75:
            steps.append(["remove", "/" if chance.random() < 0.02 else some_path(chance, 2)])
        elif kind < 0.8:
            steps.append(["chown", some_path(chance, 2), chance.randint(1, 9)])
        else:
            steps.append(["copy", some_tree(chance), some_path(chance, 2)])
    return steps


def write_source(root: Path, tree: dict[str, Any]) -> None:
    root.mkdir()
    root.chmod(0o755)
    for name, content in tree.items():
        if isinstance(content, dict):
            write_source(root / name, content)
        elif isinstance(content, list):
            (root / name).symlink_to(content[1])
        else:
            (root / name).write_text(content)
            (root / name).chmod(0o644)


def do(writer: LayerWriter, step: list[Any], scratch: Path) -> None:
    match step:
        case ["mkdir", path]:
            writer.mkdir(path)
        case ["write", path, text]:
            writer.write(path, text.encode())
        case ["symlink", path, target]:
            writer.symlink(target, path)
        case ["remove", path]:
            writer.remove(path)
        case ["chown", path, uid]:
            writer.chown(path, (uid, uid))
        case ["copy", tree, path]:
            write_source(scratch, tree)
            writer.copy_tree(Union([scratch]), "/", path)


@pytest.fixture(params=[False, True], ids=["root", "rootless"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A store with marks for root, and one with marks that ordinary users can write."""
    with Store.open(tmp_path / "store", rootless=request.param) as opened:
        yield opened


@pytest.mark.parametrize("seed", range(8))
def test_random_changes_are_kept_as_the_kernel_keeps_them(
    store: Store, judge: Any, shown: Any, tmp_path: Path, seed: int
) -> None:
    """Whatever is done to a stack of layers, the store's result and the kernel's are the same tree."""
    chance = random.Random(seed)
    jobs: list[dict[str, Any]] = []
    ours: list[Tree] = []
    failures: list[list[int]] = []
    (tmp_path / "empty").mkdir()
    for number in range(12):
        place = tmp_path / str(number)
        for part in ("upper", "work", "sources"):
            (place / part).mkdir(parents=True)
        before = EMPTY
        for layer in range(chance.randint(1, 3)):
            before, _ = add_layer(store, before, some_steps(chance), place / "sources" / str(layer))
        # The last layer is made twice, here and by the kernel.
        steps = some_steps(chance)
        tree, failed = add_layer(store, before, steps, place / "sources" / "last")
        lowers = [str(tmp_path / "empty"), *paths_of(store, before)]
        writable = {"upper": str(place / "upper"), "work": str(place / "work"), "rootless": store.rootless}
        jobs.append({"lowers": lowers, "steps": steps, **writable})
        jobs.append({"lowers": paths_of(store, tree), "rootless": store.rootless})
        ours.append(tree)
        failures.append(failed)
    answers = judge(jobs)
    for number, tree in enumerate(ours):
        by_kernel, ours_mounted = answers[2 * number], answers[2 * number + 1]
        job = jobs[2 * number]
        what = f"steps {job['steps']}"
        view = shown(store.layers.union(tree))
        assert view == ours_mounted["tree"], f"our reading of our layers differs from the kernel's: {what}"
        assert failures[number] == by_kernel["failed"], f"another step failed: {what}"
        assert view == by_kernel["tree"], f"our layer differs from the kernel's: {what}"
        assert shown(Union([*job["lowers"], job["upper"]], store.rootless)) == by_kernel["tree"], (
            f"reading a kernel's layer: {what}"
        )


def add_layer(store: Store, base: Tree, steps: list[list[Any]], sources: Path) -> tuple[Tree, list[int]]:
    """The tree with one layer more that the steps made, and the places of the steps that failed."""
    view = store.layers.union(base)
    failed: list[int] = []
    with store.layers.stage(view) as staged:
        writer = LayerWriter(view, staged)
        for number, step in enumerate(steps):
            try:
                do(writer, step, sources.with_name(f"{sources.name}-{number}"))
            except StoreError:
                failed.append(number)
        return base.with_layer(staged.commit()), failed
