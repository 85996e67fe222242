"""Images that containers become, and containers that images become."""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import dagger
import pytest
from dagger import dag

from embedded_engine.testing import embedded_session
from registry import PASSWORD, USERNAME, LocalRegistry

Machine = Callable[[], dagger.Container]


def small(text: str = "hello") -> dagger.Container:
    """An image of one file, the same bytes each time."""
    root = dag.directory().with_new_file("greeting", text).with_timestamps(0)
    return (
        dag.container()
        .with_rootfs(root)
        .with_env_variable("GREETING", text)
        .with_label("team", "ci")
        .with_entrypoint(["/greet"])
        .with_exposed_port(8000)
        .with_annotation("org.example.note", "noted")
    )


def config_of(tarball: Path) -> dict[str, Any]:
    """The image's configuration in a tarball."""
    with tarfile.open(tarball) as archive:
        file = archive.extractfile("manifest.json")
        assert file is not None
        place = json.load(file)[0]["Config"]
        found = archive.extractfile(place)
        assert found is not None
        document: dict[str, Any] = json.load(found)
        return document


def inspected(path: str) -> dict[str, Any]:
    """What skopeo says of an image in a file."""
    command = ["skopeo", "inspect", f"oci-archive:{path}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    document: dict[str, Any] = json.loads(done.stdout)
    return document


async def test_published_image_comes_back_as_it_was(connected: None, registry: LocalRegistry) -> None:
    """A published image has its files, configuration and exposed ports when it is pulled again."""
    address = await small().publish(f"{registry.host}/team/app:1.0")
    assert address.startswith(f"{registry.host}/team/app:1.0@sha256:")
    pulled = dag.container().from_(address)
    assert await pulled.file("/greeting").contents() == "hello"
    assert await pulled.env_variable("GREETING") == "hello"
    assert await pulled.label("team") == "ci"
    assert await pulled.entrypoint() == ["/greet"]
    assert [await port.port() for port in await pulled.exposed_ports()] == [8000]
    assert await pulled.image_ref() == address


async def test_same_content_has_the_same_digest(connected: None, registry: LocalRegistry) -> None:
    """Publishing the same content twice, under two names, gives one digest; other content another one."""
    first, second, other = [
        (await small(text).publish(f"{registry.host}/{name}")).partition("@")[2]
        for text, name in (("a", "one"), ("a", "two"), ("b", "one"))
    ]
    assert first == second != other


@pytest.mark.usefixtures("embedded_only")
async def test_publish_without_login_names_the_remedy(connected: None, locked_registry: LocalRegistry) -> None:
    """A registry that wants a login refuses a publish without one, and the error says what to do."""
    with pytest.raises(dagger.QueryError, match="docker login"):
        await small().publish(f"{locked_registry.host}/app:1")


@pytest.mark.usefixtures("embedded_only")
async def test_login_is_used_and_forgotten(connected: None, locked_registry: LocalRegistry) -> None:
    """A registry login lets the whole session publish and pull until it is taken away."""
    secret = dag.set_secret("registry-password", PASSWORD)
    logged_in = small().with_registry_auth(locked_registry.host, USERNAME, secret)
    address = await logged_in.publish(f"{locked_registry.host}/app:2")
    assert await dag.container().from_(address).file("greeting").contents() == "hello"
    with pytest.raises(dagger.QueryError, match="login"):
        await small("x").without_registry_auth(locked_registry.host).publish(f"{locked_registry.host}/app:3")


async def test_wrong_password_never_shows(connected: None, locked_registry: LocalRegistry) -> None:
    """A refused login says so without the password."""
    secret = dag.set_secret("wrong-password", "not-the-password")
    with pytest.raises(dagger.QueryError) as failure:
        await (
            small("y").with_registry_auth(locked_registry.host, USERNAME, secret).publish(f"{locked_registry.host}/a:1")
        )
    assert "not-the-password" not in str(failure.value)
    await small().without_registry_auth(locked_registry.host).sync()


async def test_export_writes_a_tar_that_others_read(connected: None, workdir: Path) -> None:
    """The exported tar file is an OCI layout and a `docker load` archive at once."""
    path = await small().export("images/app.tar")
    assert path == str(workdir / "images/app.tar")
    document = config_of(Path(path))
    assert document["config"]["Env"] == ["GREETING=hello"]
    assert document["config"]["ExposedPorts"] == {"8000/tcp": {}}
    if shutil.which("skopeo"):
        assert inspected(path)["Labels"] == {"team": "ci"}


@pytest.mark.usefixtures("embedded_only")
async def test_export_to_a_directory_is_refused(connected: None, workdir: Path) -> None:
    """Exporting to a directory asks for a file's name."""
    with pytest.raises(dagger.QueryError, match="name the file"):
        await small().export(str(workdir))


@pytest.mark.parametrize("compression", [None, "Gzip", "Zstd", "Uncompressed"])
@pytest.mark.parametrize("media_types", ["OCIMediaTypes", "DockerMediaTypes"])
async def test_tarball_comes_back_by_import(connected: None, compression: str | None, media_types: str) -> None:
    """An image of every compression and media type is the same container after import."""
    tarball = small().as_tarball(
        forced_compression=dagger.ImageLayerCompression(compression) if compression else None,
        media_types=dagger.ImageMediaTypes[media_types],
    )
    assert await tarball.name() == "container.tar"
    back = dag.container().import_(tarball)
    assert await back.file("/greeting").contents() == "hello"
    assert await back.entrypoint() == ["/greet"]
    assert await back.as_tarball().size() > 0


@pytest.mark.usefixtures("embedded_only")
async def test_estargz_is_refused_by_name(connected: None) -> None:
    """A compression that is not done is refused by its name."""
    with pytest.raises(dagger.QueryError, match=r"forcedCompression: EStarGZ.* is not supported"):
        await small().as_tarball(forced_compression=dagger.ImageLayerCompression.EStarGZ).size()


@pytest.mark.usefixtures("embedded_only")
async def test_export_image_is_refused_by_name(connected: None) -> None:
    """There is no container runtime to load an image into."""
    with pytest.raises(dagger.QueryError, match=r"Container\.exportImage is not supported"):
        await small().export_image("app:latest")


@pytest.mark.usefixtures("embedded_only")
async def test_two_images_of_one_platform_are_refused(connected: None) -> None:
    """Platform variants must be of different platforms."""
    with pytest.raises(dagger.QueryError, match='duplicate platform "linux/'):
        await small().as_tarball(platform_variants=[small("other")]).size()


@pytest.mark.usefixtures("embedded_only")
async def test_tag_chooses_an_image_of_a_file(connected: None, registry: LocalRegistry) -> None:
    """Importing by a tag that the file does not have is told."""
    broken = dag.directory().with_new_file("x.tar", "no tar").file("x.tar")
    with pytest.raises(dagger.QueryError, match="not a tar file of an image"):
        await dag.container().import_(broken).sync()


@pytest.mark.usefixtures("embedded_only")
async def test_date_of_the_environment_bounds_times(
    connected: None, registry: LocalRegistry, workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With SOURCE_DATE_EPOCH, files that are newer get that time, and the image bears it."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    fresh = dag.container().with_new_file("/made", "now")
    path = Path(await fresh.export("dated.tar"))
    assert config_of(path)["created"] == "1970-01-02T00:00:00Z"


async def test_registry_service_is_published_to_and_pulled_from(machine: Machine) -> None:
    """An image goes to a registry that is a service of the session, and comes from it by the service's name."""
    config = "version: 0.1\nstorage: {inmemory: {}}\nhttp: {addr: ':5000'}\n"
    service = (
        machine()
        .with_new_file("/etc/registry.yml", config)
        .with_exposed_port(5000)
        .with_default_args(["docker-registry", "serve", "/etc/registry.yml"])
        .as_service()
    )
    address = await small("served").publish("registry:5000/app:1", registry_service=service)
    assert address.startswith("registry:5000/app:1@sha256:")
    pulled = dag.container().from_("registry:5000/app:1", registry_service=service)
    assert await pulled.image_ref() == address
    assert await pulled.file("greeting").contents() == "served"
    await service.stop()


@pytest.mark.usefixtures("embedded_only")
def test_same_image_from_another_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With SOURCE_DATE_EPOCH the same content makes the same tar file in a store that has never seen it."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")

    async def digest() -> str:
        async with dagger.connection():
            return await small("anywhere").as_tarball().digest(exclude_metadata=True)

    with embedded_session(store=tmp_path / "one"):
        here = anyio.run(digest)
    # Files of the other store are of another second.
    time.sleep(1.1)
    with embedded_session(store=tmp_path / "two"):
        assert anyio.run(digest) == here
