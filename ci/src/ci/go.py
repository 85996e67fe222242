"""Programs that are published as Go sources only: built once for each version, with the Go of the package index."""

from typing import Final

import dagger
from dagger import dag

from ci.tools import tools

_BUILT: Final = "/opt/built"


def program(source: dagger.Directory, package: str) -> dagger.File:
    """Build a package from the Go module proxy (`example.org/tool@v1.2.3`), which keeps the checksum of every version."""
    name = package.partition("@")[0].rpartition("/")[2]
    return (
        tools(source, "go")
        .with_env_variable("GOBIN", _BUILT)
        # Neither another compiler nor a library of the machine decides over what comes out.
        .with_env_variable("GOTOOLCHAIN", "local")
        .with_env_variable("CGO_ENABLED", "0")
        .with_mounted_cache("/root/go", dag.cache_volume("go"))
        .with_mounted_cache("/root/.cache/go-build", dag.cache_volume("go-build"))
        .with_exec(["go", "install", "-trimpath", "-ldflags=-s -w", package])
        .file(f"{_BUILT}/{name}")
    )
