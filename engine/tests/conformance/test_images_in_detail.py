"""Configuration that adds up, images that go out and come back."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import dagger
import pytest
from dagger import ExistsType, ImageLayerCompression, ImageMediaTypes, NetworkProtocol, dag

Failure = Callable[[Awaitable[object]], Awaitable[str]]


def manifest(path: Path) -> dict[str, Any]:
    """The manifest of the only image in an exported tar file."""
    with tarfile.open(path) as tar:

        def document(name: str) -> Any:
            file = tar.extractfile(name)
            assert file is not None
            return json.load(file)

        digest = document("index.json")["manifests"][0]["digest"]
        found: dict[str, Any] = document(f"blobs/{digest.replace(':', '/')}")
        return found


async def test_the_first_place_of_a_variable() -> None:
    """A variable that is set again keeps its place."""
    c = dag.container().with_env_variable("A", "1").with_env_variable("B", "2").with_env_variable("A", "3")
    assert [(await e.name(), await e.value()) for e in await c.env_variables()] == [("A", "3"), ("B", "2")]


async def test_variables_that_are_missing() -> None:
    """A variable that is missing is none, and an empty one is empty."""
    c = dag.container()
    assert await c.env_variable("NOPE") is None
    assert await c.with_env_variable("E", "").env_variable("E") == ""
    assert await c.with_env_variable("E", "x").without_env_variable("E").env_variable("E") is None


async def test_variables_of_a_file() -> None:
    """An environment file gives its variables as written, or with others expanded."""
    f = dag.directory().with_new_file(".env", "A=1\nB=${A}2\nC='$A'\n").file(".env")
    e = f.as_env_file()
    x = f.as_env_file(expand=True)
    assert (
        await e.get("A"),
        await e.get("B"),
        await x.get("B"),
        await e.get("C"),
        await x.get("C"),
        await e.exists("A"),
        await e.exists("Z"),
        await e.get("Z"),
        await e.get("B", raw=True),
        await e.with_variable("N", "v").without_variable("A").as_file().contents(),
    ) == ("1", "12", "12", "$A", "$A", True, False, "", "${A}2", "B=${A}2\nC='$A'\nN=v\n")


async def test_layers_of_an_image(tmp_path: Path) -> None:
    """Each change of the API is a layer of the image, removals too."""
    c = dag.container().with_new_file("/a", "1").with_new_file("/b", "2").without_file("/a")
    await c.export(str(tmp_path / "i.tar"))
    assert len(manifest(tmp_path / "i.tar")["layers"]) == 3


async def test_mounts_are_no_part_of_an_image(python: dagger.Container, tmp_path: Path, failure: Failure) -> None:
    """Mounts are not exported."""
    c = (
        python.with_mounted_directory("/m", dag.directory().with_new_file("x", ""))
        .with_mounted_temp("/t")
        .with_exec(["true"])
    )
    j = dag.container().import_(c.as_tarball())
    assert await failure(j.directory("/m").entries()) == "stat /m: no such file or directory"
    assert await j.with_exec(["sh", "-c", "ls -d /m /t 2>&1 | wc -l"]).stdout() == "2\n"


async def test_an_image_comes_back(python: dagger.Container) -> None:
    """Files with owners and links, variables and the command survive a way out and back."""
    c = (
        python.with_new_file("/f", "x", permissions=0o600, owner="nobody")
        .with_env_variable("A", "1")
        .with_default_args(["echo", "hi"])
        .with_exec(["ln", "-s", "/f", "/l"])
    )
    j = dag.container().import_(c.as_tarball())
    assert await j.env_variable("A") == "1"
    assert await j.default_args() == ["echo", "hi"]
    assert await j.with_exec(["sh", "-c", "stat -c '%a %U' /f; readlink /l"]).stdout() == "600 nobody\n/f\n"
    assert await j.with_exec([]).stdout() == "hi\n"


async def test_directories_for_an_export_are_made(tmp_path: Path, failure: Failure) -> None:
    """An image is exported to a path whose directories are made; an empty container is not."""
    path = tmp_path / "deep" / "er" / "image.tar"
    assert await dag.container().with_new_file("/f", "x").export(str(path)) == str(path)
    assert len(manifest(path)["layers"]) == 1
    assert "no containers to export" in await failure(dag.container().export(str(tmp_path / "empty.tar")))


async def test_the_path_of_an_export_expands(tmp_path: Path) -> None:
    """Variables in the path of an export are expanded on demand."""
    made = dag.container().with_new_file("/f", "x").with_env_variable("NAME", "image")
    assert await made.export(str(tmp_path / "${NAME}.tar"), expand=True) == str(tmp_path / "image.tar")
    assert len(manifest(tmp_path / "image.tar")["layers"]) == 1


async def test_users_and_directories_add_up() -> None:
    """Relative working directories add up, and what is unset is empty."""
    c = dag.container().with_user("a:b").with_workdir("x").with_workdir("y/../z")
    assert (
        await c.user(),
        await c.workdir(),
        await c.without_user().user(),
        await c.without_workdir().workdir(),
        await dag.container().workdir(),
        await c.with_workdir("/abs").workdir(),
        await c.with_workdir("").workdir(),
        await c.with_workdir("/abs/./as/it/is/").workdir(),
    ) == ("a:b", "/x/z", "", "", "", "/abs", "/x/z", "/abs/./as/it/is/")


async def test_entrypoints_and_default_arguments() -> None:
    """An entrypoint takes the default arguments away unless they are to be kept."""
    c = dag.container().with_default_args(["a"])
    d = c.with_entrypoint(["e"])
    e = c.with_entrypoint(["e"], keep_default_args=True)
    assert (
        await d.entrypoint(),
        await d.default_args(),
        await e.default_args(),
        await e.without_entrypoint().entrypoint(),
        await e.without_entrypoint().default_args(),
        await e.without_entrypoint(keep_default_args=True).default_args(),
        await e.without_default_args().default_args(),
        await e.with_default_args([]).default_args(),
        await dag.container().entrypoint(),
        await dag.container().default_args(),
    ) == (["e"], [], ["a"], [], [], ["a"], [], [], [], [])


async def test_what_exists_in_a_container(python: dagger.Container) -> None:
    """Existence is asked by path and kind, relative to the working directory."""

    c = python.with_new_file("/d/f", "x").with_symlink("/d/f", "/d/l").with_workdir("/d")
    assert (
        [await c.exists(p) for p in ("f", "/d", "nope", "l", "/d/../d/f")],
        await c.exists("l", expected_type=ExistsType.SYMLINK_TYPE),
        await c.exists("l", expected_type=ExistsType.REGULAR_TYPE),
        await c.exists("/d", expected_type=ExistsType.REGULAR_TYPE),
        await c.exists("l", do_not_follow_symlinks=True, expected_type=ExistsType.REGULAR_TYPE),
    ) == ([True, True, False, True, True], True, True, False, False)


async def test_what_was_set_before_an_image() -> None:
    """What was set before an image is taken stays where the image sets nothing."""
    c = (
        dag.container()
        .with_env_variable("MINE", "1")
        .with_label("mine", "2")
        .with_workdir("/mine")
        .with_user("nobody")
        .with_default_args(["mine"])
        .with_exposed_port(9)
        .from_("redis:8")
    )
    assert (
        await c.env_variable("MINE"),
        await c.label("mine"),
        await c.workdir(),
        await c.user(),
        await c.default_args(),
        sorted([await p.port() for p in await c.exposed_ports()]),
    ) == ("1", "2", "/data", "", ["redis-server"], [9, 6379])


async def test_another_image() -> None:
    """Another image takes the place of all files of the one before."""
    c = dag.container().from_("redis:8").with_new_file("/x", "").from_("python:3.13-slim")
    assert not await c.exists("/x")
    assert not await c.exists("/usr/bin/redis-server")
    assert await c.env_variable("PYTHON_VERSION") is not None
    assert [await p.port() for p in await c.exposed_ports()] == [6379]


@pytest.mark.parametrize(
    ("media_types", "compression", "layer"),
    [
        pytest.param(None, None, "application/vnd.oci.image.layer.v1.tar+gzip", id="default"),
        pytest.param(None, ImageLayerCompression.Zstd, "application/vnd.oci.image.layer.v1.tar+zstd", id="zstd"),
        pytest.param(None, ImageLayerCompression.Uncompressed, "application/vnd.oci.image.layer.v1.tar", id="plain"),
        pytest.param(
            ImageMediaTypes.DockerMediaTypes,
            None,
            "application/vnd.docker.image.rootfs.diff.tar.gzip",
            id="as docker has it",
        ),
    ],
)
async def test_media_types_and_compression(
    media_types: ImageMediaTypes | None, compression: ImageLayerCompression | None, layer: str, tmp_path: Path
) -> None:
    """An image has the media types and the compression that are asked for."""
    image = dag.container().with_new_file("/f", "x" * 1000)
    await image.as_tarball(media_types=media_types, forced_compression=compression).export(str(tmp_path / "i.tar"))
    assert [row["mediaType"] for row in manifest(tmp_path / "i.tar")["layers"]] == [layer]


async def test_a_port_is_exposed_once() -> None:
    """A port that is exposed again is one port; with another protocol it is another."""
    made = dag.container().with_exposed_port(80).with_exposed_port(443).with_exposed_port(80, description="again")
    ports = await made.with_exposed_port(80, protocol=NetworkProtocol.UDP).exposed_ports()
    assert {(await each.port(), await each.protocol(), await each.description()) for each in ports} == {
        (80, NetworkProtocol.TCP, "again"),
        (80, NetworkProtocol.UDP, None),
        (443, NetworkProtocol.TCP, None),
    }
