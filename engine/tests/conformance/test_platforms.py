"""Platforms: containers made for another one, images with several, and builds for another."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import dagger
import pytest
from dagger import Platform, dag

Failure = Callable[[Awaitable[object]], Awaitable[str]]


@pytest.mark.parametrize(
    ("text", "platform"),
    [
        pytest.param("linux/arm64", "linux/arm64", id="as it is"),
        pytest.param("linux/arm64/v8", "linux/arm64/v8", id="the only variant"),
        pytest.param("linux/arm/v7", "linux/arm/v7", id="a variant"),
        pytest.param("linux/x86_64", "linux/amd64", id="another name"),
        pytest.param("linux/aarch64", "linux/arm64", id="another name of arm64"),
    ],
)
async def test_a_container_has_its_platform(text: str, platform: str) -> None:
    """A container is for the platform that it is asked for, by its usual name."""
    assert await dag.container(platform=Platform(text)).platform() == platform


async def test_an_unknown_platform(failure: Failure) -> None:
    """What is no platform is refused."""
    message = await failure(dag.container(platform=Platform("windows98")).platform())
    assert '"windows98": unknown operating system or architecture' in message


async def test_files_for_another_platform() -> None:
    """Files are written for another platform without running anything of it."""
    made = dag.container(platform=Platform("linux/arm64")).with_new_file("/f", "for arm").with_env_variable("A", "1")
    assert await made.file("/f").contents() == "for arm"
    assert await made.platform() == "linux/arm64"


async def test_an_image_for_several_platforms() -> None:
    """An image with variants gives this machine its own; the empty container that they are given to is none."""
    names = ("linux/amd64", "linux/arm64", "linux/riscv64")
    variants = [dag.container(platform=Platform(name)).with_new_file("/f", name) for name in names]
    taken = dag.container().import_(dag.container().as_tarball(platform_variants=variants))
    assert await taken.file("/f").contents() == await dag.default_platform()


async def test_nothing_to_export(failure: Failure) -> None:
    """A container that nothing was put in cannot be exported."""
    assert "no containers to export" in await failure(dag.container().as_tarball().size())


async def test_a_build_for_another_platform() -> None:
    """A build stage runs on this machine's platform and makes files for another."""
    dockerfile = (
        "FROM --platform=$BUILDPLATFORM python:3.13-slim AS build\n"
        "ARG TARGETPLATFORM TARGETARCH\n"
        "RUN echo $TARGETPLATFORM $TARGETARCH > /f\n"
        "FROM scratch\n"
        "COPY --from=build /f /f\n"
    )
    built = dag.directory().with_new_file("Dockerfile", dockerfile).docker_build(platform=Platform("linux/arm64"))
    assert await built.file("/f").contents() == "linux/arm64 arm64\n"


async def test_an_image_by_its_platform(python: dagger.Container) -> None:
    """An image that is taken for this machine's platform runs."""
    here = await dag.default_platform()
    taken = dag.container(platform=here).from_("python:3.13-slim")
    assert await taken.platform() == here
    assert await taken.with_exec(["echo", "runs"]).stdout() == "runs\n"
