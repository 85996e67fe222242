"""Files by the sha256 of their content: outputs of executions, blobs of images."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from embedded_engine.store.errors import StoreError, storage_errors
from embedded_engine.store.files import write_all
from embedded_engine.store.integrity import Integrity
from embedded_engine.store.manifest import digest_descriptor, digest_file

_SMALL = 64 * 1024  # bytes: held to its digest at every use, since that costs less than to be wrong
_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{64})")


class BlobStore:
    """Content-addressed files. A digest is 64 hexadecimal digits, with or without `sha256:`."""

    def __init__(self, root: Path, integrity: Integrity) -> None:
        self.root = root
        self._integrity = integrity

    def put(self, content: bytes | BinaryIO | Iterable[bytes], *, expect: str | None = None) -> str:
        """Store content and return its digest. With `expect`, another digest is an error and nothing is stored."""
        blocks: Iterable[bytes]
        if isinstance(content, bytes):
            blocks = (content,)
        elif hasattr(content, "read"):
            file = content
            blocks = iter(lambda: file.read(1 << 18), b"")
        else:
            blocks = content
        hasher = hashlib.sha256()
        with storage_errors("store a blob"):
            beside = self.root / f".{secrets.token_hex(8)}.new"
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
            try:
                try:
                    for block in blocks:
                        hasher.update(block)
                        write_all(descriptor, block)
                finally:
                    os.close(descriptor)
                digest = hasher.hexdigest()
                if expect is not None and digest != _bare(expect):
                    raise StoreError(f"the content has digest sha256:{digest}, not {expect}")
                self._take(beside, digest)
            except BaseException:
                with contextlib.suppress(OSError):
                    beside.unlink()
                raise
        return digest

    def add(self, file: Path) -> str:
        """Move a file of the store's own disk in (it is gone from where it was) and return its digest."""
        with storage_errors("store a blob"):
            descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
            try:
                digest = digest_descriptor(descriptor)
            finally:
                os.close(descriptor)
            self._take(file, digest)
        return digest

    def _take(self, file: Path, digest: str) -> None:
        place = self.path(digest)
        place.parent.mkdir(exist_ok=True)
        # The file may be an old one: its time tells when it came into the store.
        os.utime(file)
        file.rename(place)

    def path(self, digest: str) -> Path:
        """Where the content is, or would be."""
        bare = _bare(digest)
        return self.root / bare[:2] / bare[2:]

    def has(self, digest: str) -> bool:
        """Whether the content is there, whole."""
        path = self.path(digest)
        try:
            status = path.stat()
            trusted = self._integrity.trusts(status)
            if trusted and status.st_size > _SMALL:
                return True
            if digest_file(str(path)) == _bare(digest):
                if not trusted:
                    self._integrity.found_whole(path)
                return True
            path.unlink()
        except FileNotFoundError:
            pass
        return False

    def read(self, digest: str) -> bytes:
        """All of the content."""
        with self.open(digest) as file:
            return file.read()

    def open(self, digest: str) -> BinaryIO:
        """The content for reading."""
        path = self.path(digest)
        with storage_errors("read a blob"):
            if not self.has(digest):
                raise StoreError(f"no blob with digest {digest} in the store")
            return path.open("rb")


def _bare(digest: str) -> str:
    found = _DIGEST.fullmatch(digest)
    if found is None:
        raise StoreError(f"not a sha256 digest: {digest!r}")
    return found[1]
