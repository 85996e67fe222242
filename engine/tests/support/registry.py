"""A registry on loopback, Debian's docker-registry, and what it holds."""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

USERNAME = "ci"
PASSWORD = "a-password-of-tests"
_HTPASSWD = "ci:$2b$04$.U9iJjI6mh8ZHY8F2uLb4O.yRMuZ6t4Po7.0u0EIfkgzlhL5uMFtC\n"
_SECONDS_TO_START = 60.0
_LISTENS = re.compile(r"listening on 127\.0\.0\.1:(\d+)")


@dataclass(frozen=True)
class LocalRegistry:
    """A registry that runs, seen by its files: what it holds is read past its protocol."""

    port: int
    root: Path

    @property
    def host(self) -> str:
        """Where it listens, as it stands in a reference."""
        return f"127.0.0.1:{self.port}"

    def tags(self, repository: str) -> dict[str, str]:
        """The digests of a repository's tags."""
        folder = self.root / "docker/registry/v2/repositories" / repository / "_manifests/tags"
        return {link.parts[-3]: link.read_text() for link in folder.glob("*/current/link")}

    def put(self, repository: str, tag: str, digest: str) -> None:
        """Give a tag to a manifest that the repository has, as another run of the pipeline does."""
        manifest = self.content(digest)
        kind = json.loads(manifest)["mediaType"]
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("PUT", f"/v2/{repository}/manifests/{tag}", manifest, {"Content-Type": kind})
        assert connection.getresponse().status == 201
        connection.close()

    def blobs(self) -> frozenset[str]:
        """The digests of everything that it holds."""
        folder = self.root / "docker/registry/v2/blobs/sha256"
        return frozenset(f"sha256:{data.parent.name}" for data in folder.glob("*/*/data"))

    def content(self, digest: str) -> bytes:
        """A manifest, a configuration or a layer."""
        digits = digest.removeprefix("sha256:")
        return (self.root / "docker/registry/v2/blobs/sha256" / digits[:2] / digits / "data").read_bytes()


@contextmanager
def running_registry(
    folder: Path, *, locked: bool = False, tls: tuple[Path, Path] | None = None
) -> Iterator[LocalRegistry]:
    """Run a registry; `locked`: for USERNAME with PASSWORD only; `tls`: by TLS, with a certificate and its key."""
    program = shutil.which("docker-registry")
    if program is None:
        pytest.fail("these tests need a registry: apt-get install docker-registry", pytrace=False)
    secured = f", tls: {{certificate: {tls[0]}, key: {tls[1]}}}" if tls is not None else ""
    lines = [
        "version: 0.1",
        "log: {level: info, accesslog: {disabled: true}}",
        f"storage: {{filesystem: {{rootdirectory: {folder}/data}}, delete: {{enabled: true}}}}",
        # It takes a port that is free, and its log says which.
        f"http: {{addr: '127.0.0.1:0'{secured}}}",
    ]
    if locked:
        (folder / "htpasswd").write_text(_HTPASSWD)
        lines.append(f"auth: {{htpasswd: {{realm: tests, path: {folder}/htpasswd}}}}")
    (folder / "config.yml").write_text("\n".join(lines))
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen([program, "serve", str(folder / "config.yml")], stdout=log, stderr=log) as process,
    ):
        try:
            yield LocalRegistry(_port_in(folder / "log", process), folder / "data")
        finally:
            process.terminate()


def _port_in(log: Path, process: subprocess.Popen[bytes]) -> int:
    deadline = time.monotonic() + _SECONDS_TO_START
    while (found := _LISTENS.search(log.read_text())) is None:
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"the registry did not start: {log.read_text()}", pytrace=False)
        time.sleep(0.02)
    return int(found[1])


def digest_of(content: bytes) -> str:
    """The digest of a manifest or a blob."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
