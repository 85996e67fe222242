"""The bill of materials of an image: what is in it, as a document that scanners and customers read."""

from typing import Final

import dagger

from ci.scripts import text_of
from ci.tools import tools

_SCRIPT: Final = "/opt/ci/write_sbom.py"
_IMAGE: Final = "/image"
_DOCUMENT: Final = "/opt/ci/sbom.cdx.json"


async def sbom(source: dagger.Directory, image: dagger.Container) -> dagger.File:
    """List the Python and Debian packages of an image as CycloneDX; equal images have equal documents."""
    names = [f"org.opencontainers.image.{label}" for label in ("title", "version")]
    title, version = [await image.label(name) or "" for name in names]
    return (
        tools(source, "advisories")
        .with_new_file(_SCRIPT, text_of("write_sbom.py"))
        .with_mounted_directory(_IMAGE, image.rootfs())
        .with_exec(["python", _SCRIPT, _IMAGE, title, version, _DOCUMENT])
        .file(_DOCUMENT)
    )
