"""A store that a disk has damaged: found, told, made again; and one that two runs use at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import sys
import anyio
import dagger
from dagger import dag
from embedded_engine.testing import embedded_session

async def main():
    async with dagger.connection():
        source = dag.host().directory(sys.argv[2])
        root = dag.container().with_rootfs(dag.host().directory(sys.argv[1]))
        made = root.with_directory("/src", source).with_exec(["sh", "-c", "cat /src/* > /all; echo made; sleep 0.3"])
        again = made.with_exec(["sh", "-c", "cat /all; echo done >> /all"])
        sys.stdout.write(await made.stdout() + await again.stdout() + await again.file("/all").contents())

with embedded_session():
    anyio.run(main)
"""
EXPECTED = "made\none\ntwo\none\ntwo\ndone\n"


class Runs:
    """Runs of one program on one store."""

    def __init__(self, place: Path, programs: Path) -> None:
        self.store = place / "store"
        self._source = place / "source"
        self._source.mkdir()
        (self._source / "a").write_text("one\n")
        (self._source / "b").write_text("two\n")
        self._command = [sys.executable, "-c", PROGRAM, str(programs), str(self._source)]
        self._environ = {**os.environ, "CI_ENGINE_STORE": str(self.store)}

    def start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self._command, env=self._environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def once(self) -> str:
        """What a run prints; it must end well."""
        run = self.start()
        printed, complaint = run.communicate(timeout=300)
        assert run.returncode == 0, complaint
        return printed

    def verify(self) -> str:
        """What `ci verify` prints."""
        command = [sys.executable, "-m", "embedded_engine.cli", "verify"]
        return subprocess.run(command, env=self._environ, capture_output=True, text=True, check=True).stdout

    def files(self, pattern: str) -> list[Path]:
        """Files of the store, those of no length left out."""
        found = [path for path in self.store.glob(pattern) if path.is_file() and not path.is_symlink()]
        return sorted(path for path in found if path.stat().st_size)


@pytest.fixture
def runs(tmp_path: Path, programs: Path) -> Runs:
    """Runs on a store that one run has filled."""
    made = Runs(tmp_path, programs)
    assert made.once() == EXPECTED
    return made


def test_damaged_records_are_made_again(runs: Runs) -> None:
    """Results, imports and outputs that were cut are not believed: the next run is right, and none of them is left."""
    for pattern in ("results/*/*", "hosts/*", "blobs/*/*"):
        damaged = runs.files(pattern)
        assert damaged
        for path in damaged:
            os.truncate(path, path.stat().st_size // 2)
    assert runs.once() == EXPECTED
    assert runs.verify() == f"store {runs.store}: whole\n"


def test_a_damaged_layer_is_found_told_and_made_again(runs: Runs) -> None:
    """A file that lost its end and one that is gone: both layers are named and removed, and the next run is right."""
    assert runs.verify() == f"store {runs.store}: whole\n"
    cut, gone = runs.files("layers/*/fs/all")
    os.truncate(cut, 1)
    gone.unlink()
    said = runs.verify()
    assert f"✘ layer {cut.parts[-3]}: 1 entries of 1 bytes" in said
    assert f"✘ layer {gone.parts[-3]}: 0 entries of 0 bytes" in said
    assert "damaged and removed: made again when needed" in said
    assert runs.verify() == f"store {runs.store}: whole\n"
    assert runs.once() == EXPECTED


def test_flipped_bytes_are_found_and_the_next_run_is_right(runs: Runs) -> None:
    """Other content of the same length, in layers, outputs, records and imports: each place is named and made again."""
    damaged = {"layer": "layers/*/fs/all", "blob": "blobs/*/*", "result": "results/*/*", "import": "hosts/*"}
    for pattern in damaged.values():
        for path in runs.files(pattern):
            content = bytearray(path.read_bytes())
            content[-2] ^= 1
            path.write_bytes(content)
    said = runs.verify()
    for kind in damaged:
        assert f"✘ {kind} " in said
    assert runs.verify() == f"store {runs.store}: whole\n"
    assert runs.once() == EXPECTED


def test_two_runs_at_once_share_a_store(tmp_path: Path, programs: Path) -> None:
    """Three runs that begin together on an empty store are all right, and each step was made once."""
    runs = Runs(tmp_path, programs)
    together = [runs.start() for _ in range(3)]
    ended = [(run.communicate(timeout=300), run.returncode) for run in together]
    assert [(printed, code) for (printed, _), code in ended] == [(EXPECTED, 0)] * 3, ended
    assert len(runs.files("layers/*/fs/all")) == 2
    assert runs.verify() == f"store {runs.store}: whole\n"
