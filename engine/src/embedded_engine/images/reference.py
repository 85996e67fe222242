"""Names of images, read as Docker reads them: `python:3.13-slim` is `docker.io/library/python:3.13-slim`."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Self

from embedded_engine.images.errors import ImageError

DEFAULT_REGISTRY = "docker.io"
_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*")
_HOST = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9-]+)*|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?"
)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_LONGEST_REPOSITORY = 255


@dataclass(frozen=True)
class Reference:
    """A whole image name. `tag` is None only where a digest was given without one."""

    registry: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a reference; a missing registry is Docker Hub's, a missing tag is `latest`.

        >>> str(Reference.parse("python:3.13-slim"))
        'docker.io/library/python:3.13-slim'
        >>> Reference.parse("localhost:5000/team/app").registry
        'localhost:5000'
        """
        rest, at, digest = text.strip().partition("@")
        if at and not _DIGEST.fullmatch(digest):
            raise ImageError(f"invalid image reference {text!r}: the digest must be sha256: and 64 hexadecimal digits")
        registry, repository = _split_registry(rest)
        repository, colon, tag = repository.partition(":")
        if colon and not _TAG.fullmatch(tag):
            raise ImageError(f"invalid image reference {text!r}: {tag!r} is not a tag")
        if repository.lower() != repository:
            raise ImageError(f"invalid image reference {text!r}: the repository name must be lowercase")
        if not _HOST.fullmatch(registry) or not all(_COMPONENT.fullmatch(part) for part in repository.split("/")):
            raise ImageError(f"invalid image reference {text!r}: expected [registry/]name[:tag][@digest]")
        if registry == DEFAULT_REGISTRY and "/" not in repository:
            repository = f"library/{repository}"
        if len(repository) > _LONGEST_REPOSITORY:
            raise ImageError(f"invalid image reference: the name is longer than {_LONGEST_REPOSITORY} characters")
        return cls(registry, repository, tag if colon else (None if at else "latest"), digest if at else None)

    def __str__(self) -> str:
        """The full form, `registry/repository[:tag][@digest]`."""
        return self.name + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")

    @property
    def name(self) -> str:
        """`registry/repository`, without tag and digest."""
        return f"{self.registry}/{self.repository}"

    @property
    def familiar(self) -> str:
        """The short form that people write: Docker Hub's host and `library/` left out."""
        short = str(self).removeprefix(f"{DEFAULT_REGISTRY}/")
        return short.removeprefix("library/") if self.registry == DEFAULT_REGISTRY else short

    @property
    def selector(self) -> str:
        """What names the manifest in its repository: the digest where there is one, else the tag."""
        return self.digest or self.tag or "latest"

    def with_digest(self, digest: str) -> Self:
        """The same image, pinned."""
        return replace(self, digest=digest)


def _split_registry(text: str) -> tuple[str, str]:
    """The first part is a registry if it looks like a host: a dot, a port, `localhost` or upper case in it."""
    first, slash, rest = text.partition("/")
    if not slash or not (set(first) & {".", ":"} or first == "localhost" or first.lower() != first):
        return DEFAULT_REGISTRY, text
    if first in {"index.docker.io", "registry-1.docker.io"}:
        return DEFAULT_REGISTRY, rest
    return first, rest
