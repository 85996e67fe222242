"""A disk without room, and one that cannot be written to: on a small file system of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = """
import json, os, sys
from pathlib import Path
from embedded_engine.store import *

root, project = Path(sys.argv[1]) / "store", Path(sys.argv[2])
errors = {}

def left():
    return sorted(str(path.relative_to(root)) for place in ("layers", "results", "blobs", "hosts", "staging")
        for path in (root / place).rglob("*") if path.name not in ("lock", "seal") and path.is_file())

def attempt(name, action):
    before = left()
    try:
        action()
    except StoreError as error:
        errors[name] = [str(error), left() == before]

store = Store.open(root)
base = store.layers.union(EMPTY)

def write(content):
    with store.layers.stage() as staged:
        LayerWriter(base, staged).write("/f", content)
        return staged.commit()

small = write(b"small")
big = (b"x" * 65536 for _ in range(1000))
attempt("write", lambda: write(big))
attempt("blob", lambda: store.blobs.put(b"x" * 65536 for _ in range(1000)))
attempt("import", lambda: store.hosts.import_tree(project))

def copy():
    with store.layers.stage() as staged:
        LayerWriter(base, staged).copy_tree(Union([project]), "/", "/")
        staged.commit()

attempt("copy", copy)
attempt("result", lambda: store.results.put("big", {"text": "x" * 20_000_000}))
store.results.put("small", {"fine": True}, [small])
after = store.results.get("small")
print(json.dumps({"errors": errors, "after": after, "read": store.layers.union(Tree((small,))).read("/f").decode()}))
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Any:
    """Run a program with a file system of 8 MiB at its first argument, in a mount namespace of its own."""
    if os.geteuid() != 0:
        pytest.skip("mounting a file system takes root")
    disk = tmp_path / "disk"
    disk.mkdir()

    def run(kind: str, program: str, *arguments: str, after: str = "true") -> str:
        if kind == "ext4":
            image = tmp_path / "image"
            with image.open("wb") as file:
                file.truncate(8 << 20)
            subprocess.run(["mkfs.ext4", "-q", str(image)], check=True, stderr=subprocess.DEVNULL)
            mount = f"mount -o loop {image} {disk}"
        else:
            mount = f"mount -t tmpfs -o size=8m tmpfs {disk}"
        script = f'{mount}; {after}; exec "$@"'
        command = ["unshare", "--mount", "sh", "-ec", script, "sh", sys.executable, "-c", program, str(disk)]
        done = subprocess.run([*command, *arguments], stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout

    return run


@pytest.mark.parametrize("kind", ["tmpfs", "ext4"])
def test_a_full_disk_is_one_clear_line_and_leaves_nothing(small_disk: Any, tmp_path: Path, kind: str) -> None:
    """Whatever runs out of room says so and what to do, leaves nothing behind, and what is small still works."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "large").write_bytes(os.urandom(20 << 20))
    if kind == "ext4" and not Path("/dev/loop-control").exists():
        pytest.skip("no loop devices here")
    answer = json.loads(small_disk(kind, PROGRAM, str(project)))
    assert sorted(answer["errors"]) == ["blob", "copy", "import", "result", "write"]
    for text, nothing_left in answer["errors"].values():
        assert "no space left for the store" in text
        assert "run `ci prune`" in text
        assert "\n" not in text
        assert nothing_left
    assert answer["after"] == {"fine": True}
    assert answer["read"] == "small"


def test_a_read_only_disk_is_one_clear_line(small_disk: Any, tmp_path: Path) -> None:
    """A store that cannot be written to is named when it is opened."""
    program = (
        "import sys; from pathlib import Path; from embedded_engine.store import *\n"
        "try: Store.open(Path(sys.argv[1]) / 'store')\n"
        "except StoreError as error: print(error)\n"
    )
    text = small_disk("tmpfs", program, after=f"mount -o remount,ro {tmp_path}/disk")
    assert text.startswith(f"cannot open the store {tmp_path}/disk/store: the store is on a read-only file system")
    assert "CI_ENGINE_STORE" in text
    assert text.count("\n") == 1
