"""Runs on a machine that lacks something in the middle of the work: one clear line, nothing half-done, the next is right."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from machine_programs import copy_programs

PROGRAM = """
import json, os, subprocess, sys
import anyio
import dagger
from dagger import dag
from pathlib import Path
from embedded_engine.testing import embedded_session

store, programs, after = sys.argv[1:]

async def run(length):
    async with dagger.connection():
        root = dag.container().with_rootfs(dag.host().directory(programs))
        return await root.with_exec(["sh", "-c", f"head -c {length} /dev/zero; echo written >&2"]).stderr()

def attempt(length):
    try:
        with embedded_session(store=Path(store)):
            return anyio.run(run, length)
    except dagger.QueryError as error:
        return str(error)

first = attempt(20_000_000), os.listdir(f"{store}/staging")
subprocess.run(after, shell=True, check=True)
print(json.dumps([*first, attempt(1000)]))
"""


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with a shell and a program that writes."""
    root = tmp_path_factory.mktemp("programs")
    copy_programs(root, ("sh", "head"))
    return root


def attempts(programs: Path, disk: Path, options: str, roomy: str) -> Any:
    """What a run says on a file system of its own, what it leaves there, and what one says when that has room."""
    if os.geteuid() != 0:
        pytest.skip("mounting a file system takes root")
    disk.mkdir()
    script = f'mount -t tmpfs -o {options} tmpfs {disk}; exec "$@"'
    command = ["unshare", "--mount", "sh", "-ec", script, "sh", sys.executable, "-c", PROGRAM]
    after = f"mount -o remount,{roomy} {disk}"
    done = subprocess.run([*command, f"{disk}/store", str(programs), after], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def test_a_disk_that_fills_up_with_output_ends_the_run(programs: Path, tmp_path: Path) -> None:
    """A process whose output cannot be kept is not left waiting for a reader; the run says what was full."""
    disk = tmp_path / "disk"
    said, left, again = attempts(programs, disk, "size=16m", "size=200m")
    assert said.startswith(
        "cannot keep the output of a process: no space left for the store: free some, run `ci prune`"
    )
    assert "\n" not in said
    assert left == []
    assert again == "written\n"
