"""A store on a real disk, and the kernel's overlayfs as the judge of what it holds."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from embedded_engine.store import EMPTY, Kind, LayerWriter, Node, Store, Tree, Union
from embedded_engine.store.files import remove_tree

JUDGE = Path(__file__).with_name("overlay_judge.py")

Judge = Callable[[list[dict[str, Any]]], list[dict[str, Any]]]
Build = Callable[..., Tree]
Shown = Callable[[Union], dict[str, list[Any]]]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A fresh store. It is removed by our own means, which do not mind its depth."""
    with Store.open(tmp_path / "store") as opened:
        yield opened
    remove_tree(tmp_path / "store")


@pytest.fixture
def build(store: Store) -> Build:
    """Make a tree: `build(lambda writer: ..., base=tree)` adds one layer that the function writes."""

    def make(change: Callable[[LayerWriter], object], base: Tree = EMPTY) -> Tree:
        view = store.layers.union(base)
        with store.layers.stage(view) as staged:
            change(LayerWriter(view, staged))
            return base.with_layer(staged.commit())

    return make


@pytest.fixture
def judge() -> Judge:
    """Ask the kernel: mount layers as an overlay in a mount namespace of its own and list what it shows."""

    def ask(jobs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if os.geteuid() != 0:
            pytest.skip("mounting an overlay takes root")
        command = [sys.executable, str(JUDGE), *(["--rootless"] if jobs[0].get("rootless") else [])]
        done = subprocess.run(command, input=json.dumps(jobs).encode(), stdout=subprocess.PIPE, check=True)
        answer: list[dict[str, Any]] = json.loads(done.stdout)
        return answer

    return ask


@pytest.fixture
def shown() -> Shown:
    """What a view shows, in the judge's words."""
    return lambda union: {path: _described(node) for path, node in union.walk()}


def _described(node: Node) -> list[Any]:
    content = ""
    if node.kind is Kind.FILE:
        content = hashlib.sha256(node.real.read_bytes()).hexdigest()
    elif node.kind is Kind.SYMLINK:
        content = node.target
    elif node.kind is Kind.DEVICE:
        content = str(node.status.st_rdev)
    return [str(node.kind), node.mode, node.uid, node.gid, content]
