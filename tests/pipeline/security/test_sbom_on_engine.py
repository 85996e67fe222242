"""The bill of materials of the service's image, on an engine."""

import json
import tomllib

import dagger
import pytest
from dagger import dag

from ci.image import image
from ci.sbom import sbom

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_it_lists_what_is_in_the_image_and_nothing_else(source: dagger.Directory) -> None:
    """Every locked dependency and the service in its locked version, Debian's packages, and no tool of development."""
    built = await image(source)
    document = json.loads(await (await sbom(source, built)).contents())
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    assert document["metadata"]["component"]["type"] == "container"
    assert document["metadata"]["component"]["name"] == "app"
    parts = {part["purl"].partition("@")[0]: part["version"] for part in document["components"]}
    locked = {one["name"]: one["version"] for one in tomllib.loads(await source.file("uv.lock").contents())["package"]}
    for name in ("app", "fastapi", "starlette", "asyncpg"):
        assert parts[f"pkg:pypi/{name}"] == locked[name]
    assert {"pkg:deb/debian/libc6", "pkg:deb/debian/base-files"} <= set(parts)
    assert not {"pkg:pypi/pytest", "pkg:pypi/pip", "pkg:pypi/pip-audit"} & set(parts)


async def test_equal_packages_make_equal_documents_whenever_they_are_written(source: dagger.Directory) -> None:
    """There is no time and nothing random in it: two runs over two images that differ in no package are the same."""
    metadata = "Metadata-Version: 2.4\nName: Made_Up\nVersion: 1.0\nLicense-Expression: MIT\n"
    image_of = (
        dag.container()
        .with_label("org.opencontainers.image.title", "app")
        .with_label("org.opencontainers.image.version", "1.0")
        .with_new_file("/app/lib/made_up-1.0.dist-info/METADATA", metadata)
    )
    written = [
        await (await sbom(source, image_of.with_new_file("/srv/data", data))).contents() for data in ("one", "two")
    ]
    assert written[0] == written[1]
    (part,) = json.loads(written[0])["components"]
    assert part["purl"] == "pkg:pypi/made-up@1.0"
    assert part["licenses"] == [{"license": {"id": "MIT"}}]
