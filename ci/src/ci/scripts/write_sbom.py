"""Writes the bill of materials (CycloneDX 1.6, JSON) of an image whose files lie below a folder.

Usage: python write_sbom.py ROOT NAME VERSION OUTPUT
What it lists: Python packages, by their metadata, wherever they are installed, and Debian's, by dpkg's records.
The same files make the same document, byte for byte: no time of day, and a serial number made of the content.
It is checked against CycloneDX's own schema before it is written.
"""

import re
import sys
import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from email.parser import HeaderParser
from importlib.metadata import version
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

_LIBRARY = "cyclonedx-python-lib"
_SCHEMA = SchemaVersion.V1_6
_EPOCH = datetime.fromtimestamp(0, UTC)
_MOUNTED = {"proc", "sys", "dev"}
"""Folders of an image that hold nothing of it."""


def python_packages(root: Path) -> Iterator[Component]:
    """List what Python's installers have recorded below a folder."""
    for top in sorted(root.iterdir()):
        if top.name in _MOUNTED or top.is_symlink() or not top.is_dir():
            continue
        for metadata in sorted(top.rglob("*.dist-info/METADATA")):
            fields = HeaderParser().parsestr(metadata.read_text(encoding="utf-8", errors="replace"))
            name = re.sub(r"[-_.]+", "-", fields["Name"]).lower()
            yield component(PackageURL("pypi", None, name, fields["Version"]), fields["License-Expression"])


def debian_packages(root: Path) -> Iterator[Component]:
    """List what dpkg has recorded as installed; nothing where the image is not made from Debian."""
    status, release = root / "var/lib/dpkg/status", root / "etc/os-release"
    if not status.is_file():
        return
    about = dict(re.findall(r'^(ID|VERSION_ID)="?([^"\n]*)', release.read_text(), re.MULTILINE))
    distribution = about.get("ID", "debian")
    for record in status.read_text(encoding="utf-8", errors="replace").split("\n\n"):
        fields = HeaderParser().parsestr(record)
        if str(fields["Status"]).endswith(" installed"):
            qualifiers = {
                "arch": fields["Architecture"],
                "distro": f"{distribution}-{about.get('VERSION_ID', '')}".rstrip("-"),
            }
            yield component(PackageURL("deb", distribution, fields["Package"], fields["Version"], qualifiers))


def component(package: PackageURL, license_expression: str | None = None) -> Component:
    """Make a component that is known by its package URL."""
    made = LicenseFactory().make_from_string(license_expression) if license_expression else None
    return Component(
        name=package.name,
        version=package.version,
        purl=package,
        bom_ref=str(package),
        licenses=[made] if made else [],
    )


def bill(name: str, release: str, components: Iterable[Component]) -> Bom:
    """Put a bill together; each package of one version is in it once, however often it is installed."""
    parts = {str(part.purl): part for part in components}
    image = Component(name=name, version=release, type=ComponentType.CONTAINER, bom_ref="image")
    writer = Component(name=_LIBRARY, version=version(_LIBRARY), type=ComponentType.LIBRARY)
    made = Bom(
        components=parts.values(),
        metadata=BomMetaData(component=image, timestamp=_EPOCH),
        serial_number=uuid.uuid5(uuid.NAMESPACE_URL, "\n".join([name, release, *sorted(parts)])),
    )
    made.metadata.tools.components.add(writer)
    made.register_dependency(image, parts.values())
    return made


def main() -> int:
    """Write the document; what is wrong with it goes to stderr."""
    root, name, release, output = Path(sys.argv[1]), sys.argv[2], sys.argv[3], Path(sys.argv[4])
    made = bill(name, release, [*python_packages(root), *debian_packages(root)])
    text = make_outputter(made, OutputFormat.JSON, _SCHEMA).output_as_string(indent=2)
    if wrong := JsonStrictValidator(_SCHEMA).validate_str(text):
        print(f"the bill of materials is malformed: {wrong}", file=sys.stderr)
        return 1
    output.write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
