"""Environments of modules held to the digests that their packages bring: the list of files of each (RECORD)."""

from __future__ import annotations

import base64
import csv
import os
from collections.abc import Iterator
from pathlib import Path

from embedded_engine.store.manifest import digest_file

_ALGORITHM = "sha256="


def damaged_package(environment: Path) -> str | None:
    """Which file of an environment is not as it was installed, in words; None if all are."""
    if not (environment / "bin" / "python").exists():
        return "it has no interpreter"
    for record in sorted(environment.glob("lib/python*/site-packages/*.dist-info/RECORD")):
        packages = record.parents[1]
        for name, digest in _files(record):
            place = os.path.normpath(packages / name)
            try:
                if digest_file(place) == digest:
                    continue
            except OSError as error:
                return f"{name} of {record.parent.stem}: {(error.strerror or 'it cannot be read').lower()}"
            package = record.parent.stem.partition("-")[0]
            return f"{name} is not as it was installed (should that come again: uv cache clean {package})"
    return None


def _files(record: Path) -> Iterator[tuple[str, str]]:
    """The files that a package lists with a digest, which is given in hexadecimal."""
    with record.open(encoding="utf-8", errors="replace", newline="") as lines:
        for row in csv.reader(lines):
            if len(row) > 1 and row[1].startswith(_ALGORITHM):
                encoded = row[1].removeprefix(_ALGORITHM)
                yield row[0], base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).hex()
