"""What the doctor says of this machine, and of machines that lack something."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from embedded_engine.sandbox import doctor, programs
from embedded_engine.sandbox.doctor import Check, probe


def _by_name(checks: list[Check]) -> dict[str, Check]:
    return {check.name: check for check in checks}


def test_this_machine(tmp_path: Path) -> None:
    """Everything that containers need is found here, a container starts, and the store is as it was."""
    if os.geteuid() != 0:
        pytest.skip("the sandbox is tried as root here")
    checks = _by_name(probe(tmp_path))
    assert [check for check in checks.values() if check.needed and not check.ok] == []
    assert checks["container"].ok
    assert list(tmp_path.iterdir()) == []


def test_a_machine_without_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each missing program is named with the command that installs it."""
    monkeypatch.setattr(programs, "SYSTEM_PATH", "/nonexistent")
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(doctor, "PROFILE", Path("/nonexistent"))
    remedies = {check.name: check.remedy for check in probe(tmp_path) if not check.ok}
    assert remedies == {
        "OCI runtime": "apt-get install runc",
        "unshare": "apt-get install util-linux",
        "setpriv": "apt-get install util-linux",
        "tini-static": "apt-get install tini",
        "slirp4netns": "apt-get install slirp4netns",
        "mmdebstrap": "apt-get install mmdebstrap",
        "mount": "apt-get install mount",
        "git": "apt-get install git",
        "seccomp profile": "apt-get install golang-github-containers-common",
        "container": "apt-get install tini",
    }


def test_a_store_that_cannot_be_made(tmp_path: Path) -> None:
    """A place that is no directory is a failed check and no exception."""
    (tmp_path / "file").write_text("")
    store = _by_name(probe(tmp_path / "file/store"))["store"]
    assert (store.ok, store.detail) == (False, f"{tmp_path}/file/store: Not a directory")


def test_a_store_on_an_overlay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store on a file system that overlayfs cannot write to is told, with the way to another place."""
    monkeypatch.setattr(doctor, "_kind", lambda _root: "overlay")
    store = _by_name(probe(tmp_path))["store"]
    assert (store.ok, store.remedy) == (False, "export CI_ENGINE_STORE=/a/directory/on/a/disk")


def test_too_little_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is nearly full is told."""
    monkeypatch.setattr(doctor, "_FREE_BYTES", 2**60)
    disk = _by_name(probe(tmp_path))["disk"]
    assert (disk.ok, disk.remedy) == (False, "ci prune --keep 1GB")
