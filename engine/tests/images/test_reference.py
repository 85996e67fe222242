"""Image names."""

from __future__ import annotations

import pytest

from embedded_engine.images.errors import ImageError
from embedded_engine.images.reference import Reference

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "full", "familiar"),
    [
        pytest.param(
            "python", "docker.io/library/python:latest", "python:latest", id="a bare name is Docker Hub's latest"
        ),
        pytest.param("python:3.13-slim", "docker.io/library/python:3.13-slim", "python:3.13-slim", id="a tag is kept"),
        pytest.param("team/app:1", "docker.io/team/app:1", "team/app:1", id="a path without a dot is no registry"),
        pytest.param(
            "ghcr.io/team/app", "ghcr.io/team/app:latest", "ghcr.io/team/app:latest", id="a dot makes a registry"
        ),
        pytest.param("localhost/app", "localhost/app:latest", "localhost/app:latest", id="localhost is a registry"),
        pytest.param("Host/app", "Host/app:latest", "Host/app:latest", id="upper case makes a registry"),
        pytest.param("h:5000/a/b:x", "h:5000/a/b:x", "h:5000/a/b:x", id="a port is no tag"),
        pytest.param("[::1]:5000/a", "[::1]:5000/a:latest", "[::1]:5000/a:latest", id="an IPv6 address is a registry"),
        pytest.param(
            "index.docker.io/library/redis:8", "docker.io/library/redis:8", "redis:8", id="old names of Docker Hub"
        ),
        pytest.param(f"app@{DIGEST}", f"docker.io/library/app@{DIGEST}", f"app@{DIGEST}", id="a digest needs no tag"),
        pytest.param(
            f"app:1@{DIGEST}",
            f"docker.io/library/app:1@{DIGEST}",
            f"app:1@{DIGEST}",
            id="a tag may stand beside a digest",
        ),
    ],
)
def test_parse(text: str, full: str, familiar: str) -> None:
    """A reference is normalised as Docker does, and shortens back to what people write."""
    reference = Reference.parse(text)
    assert (str(reference), reference.familiar) == (full, familiar)
    assert Reference.parse(str(reference)) == reference


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("Python:3", "must be lowercase", id="upper case in a repository"),
        pytest.param("", "expected \\[registry/\\]name", id="nothing"),
        pytest.param("a//b", "expected \\[registry/\\]name", id="an empty part"),
        pytest.param("a b", "expected \\[registry/\\]name", id="a space"),
        pytest.param("../../etc", "expected \\[registry/\\]name", id="a path"),
        pytest.param("app:", "'' is not a tag", id="an empty tag"),
        pytest.param("app:-x", "'-x' is not a tag", id="a tag that begins with a dash"),
        pytest.param("app:" + "x" * 129, "is not a tag", id="a long tag"),
        pytest.param("app@sha256:12", "the digest must be", id="a short digest"),
        pytest.param("https://host/app", "expected \\[registry/\\]name", id="a URL"),
        pytest.param("a/" * 130 + "b", "longer than 255", id="a long name"),
    ],
)
def test_refused(text: str, message: str) -> None:
    """What is no image name is refused in one line that says why."""
    with pytest.raises(ImageError, match=message) as caught:
        Reference.parse(text)
    assert "\n" not in str(caught.value)
