"""Containers with the tools of checks, from a lock file of their own: no tool decides over the service's versions."""

from typing import Final

import dagger

from ci import sources
from ci.base import toolbox
from ci.stage import with_wrapper

_PROJECT: Final = "/opt/tools"


def tools(source: dagger.Directory, group: str) -> dagger.Container:
    """Python with one group of the locked tools on its PATH, and nothing of the repository."""
    return (
        toolbox()
        .with_directory(_PROJECT, source.directory(sources.TOOLS))
        .with_exec(["uv", "sync", "--frozen", f"--only-group={group}", f"--project={_PROJECT}"])
        .with_env_variable("PATH", f"{_PROJECT}/.venv/bin:$PATH", expand=True)
        .with_(with_wrapper)
    )


def program(source: dagger.Directory, group: str, name: str) -> dagger.File:
    """One program of a group that needs nothing but itself, to be put into another container."""
    return tools(source, group).file(f"{_PROJECT}/.venv/bin/{name}")
