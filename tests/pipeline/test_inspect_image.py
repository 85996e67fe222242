"""What the inspection of an image finds, on made-up file systems and configurations."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from ci.scripts import inspect_image

GOOD: dict[str, Any] = {
    "user": "65534",
    "ports": [8000],
    "healthcheck": ["python", "-c", "..."],
    "labels": dict.fromkeys(inspect_image.LABELS, "something"),
}


def faults(**changes: object) -> list[str]:
    """What is wrong with a good image's configuration after these changes."""
    return [fault for _, fault in inspect_image.configuration({**GOOD, **changes}) if fault]


def test_a_good_configuration_has_no_fault() -> None:
    """Four rules, all kept."""
    assert faults() == []
    assert len(list(inspect_image.configuration(GOOD))) == 4


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        pytest.param({"user": ""}, "it runs as 'root'", id="no user means root"),
        pytest.param({"user": "0"}, "it runs as '0'", id="root by number"),
        pytest.param({"user": "root:root"}, "it runs as 'root:root'", id="root with a group"),
        pytest.param({"user": "nosuchuser"}, "it runs as 'nosuchuser'", id="a user that does not exist"),
        pytest.param({"ports": []}, "it exposes []", id="no port"),
        pytest.param({"ports": [8000, 22]}, "it exposes [8000, 22]", id="a second port"),
        pytest.param({"healthcheck": []}, "it has none", id="no HEALTHCHECK"),
    ],
)
def test_a_broken_rule_is_named(changes: dict[str, object], fault: str) -> None:
    """Each rule says what breaks it."""
    assert faults(**changes) == [fault]


def test_missing_and_empty_labels_are_named() -> None:
    """A build argument that was not passed leaves a label empty."""
    first, second, *_ = inspect_image.LABELS
    labels = {**GOOD["labels"], first: "", second: None}
    assert faults(labels=labels) == [f"it lacks {first}, {second}"]


def test_build_tools_are_found_as_programs_and_as_packages(tmp_path: Path) -> None:
    """A copied environment can hold pip although no pip is on PATH."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/gcc").touch()
    packages = tmp_path / "lib/site-packages"
    (packages / "pip").mkdir(parents=True)
    (packages / "fastapi").mkdir()
    found = inspect_image.build_tools(f"{tmp_path}/bin{os.pathsep}", [packages])
    assert found == [f"{tmp_path}/bin/gcc", f"{packages}/pip"]


@pytest.mark.parametrize(
    "name", [".env", ".env.production", ".git", ".netrc", "id_ed25519", "server.key", "private.pem"]
)
def test_files_with_secrets_are_found(tmp_path: Path, name: str) -> None:
    """By their names, and a PEM file by what is in it."""
    path = tmp_path / name
    path.write_text("-----BEGIN PRIVATE KEY-----\n")
    assert [found for found in inspect_image.files_below(tmp_path, ()) if inspect_image.is_secret(found)] == [path]


@pytest.mark.parametrize("name", ["ca.pem", ".envrc", "env.py", "keyboard", "id_rsa.pub"])
def test_public_files_are_no_secrets(tmp_path: Path, name: str) -> None:
    """Certificates of authorities belong into an image."""
    path = tmp_path / name
    path.write_text("-----BEGIN CERTIFICATE-----\n")
    assert not inspect_image.is_secret(path)


def test_links_are_not_followed(tmp_path: Path) -> None:
    """A link out of the image, or in a circle, leads nowhere."""
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "key.pem").symlink_to("/nonexistent")
    assert not any(inspect_image.is_secret(path) for path in inspect_image.files_below(tmp_path, ()))


def test_folders_that_are_not_of_the_image_are_left_out(tmp_path: Path) -> None:
    """The kernel's files change while they are read."""
    (tmp_path / "proc/1").mkdir(parents=True)
    (tmp_path / "etc").mkdir()
    assert list(inspect_image.files_below(tmp_path, (f"{tmp_path}/proc",))) == [tmp_path / "etc"]


def test_variables_that_look_like_secrets_are_found_by_name() -> None:
    """Only the name is told, and an empty one holds nothing."""
    environment = {"API_TOKEN": "x", "database_url": "y", "SECRET_KEY": "", "PATH": "/bin", "GPG_KEY": "public"}
    assert inspect_image.secret_variables(environment) == ["API_TOKEN", "database_url"]


def test_sources_without_bytecode_are_found(tmp_path: Path) -> None:
    """A user who may not write there would compile them at every start."""
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "a.py").touch()
    (tmp_path / "b.py").touch()
    (tmp_path / f"__pycache__/a.{sys.implementation.cache_tag}.pyc").touch()
    assert inspect_image.without_bytecode(tmp_path) == [f"{tmp_path}/b.py"]


def test_many_findings_are_counted() -> None:
    """A line stays a line."""
    assert inspect_image.few([]) == ""
    assert inspect_image.few(["a", "b", "c"], most=2) == "found a, b and 1 more"
