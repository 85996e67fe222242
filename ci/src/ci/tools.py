"""Containers with the tools of checks, from a lock file of their own: no tool decides over the service's versions."""

from typing import Final

import dagger

from ci import sources
from ci.base import toolbox
from ci.stage import Step, with_wrapper

_PROJECT: Final = "/opt/tools"
_ENVIRONMENT: Final = f"{_PROJECT}/.venv"


def tools(source: dagger.Directory, group: str) -> dagger.Container:
    """Python with one group of the locked tools on its PATH, and nothing of the repository."""
    return (
        toolbox()
        # Each run would compile what it imports, and forget it.
        .with_env_variable("UV_COMPILE_BYTECODE", "1")
        .with_directory(_PROJECT, source.directory(sources.TOOLS))
        .with_exec(["uv", "sync", "--frozen", f"--only-group={group}", f"--project={_PROJECT}"])
        .with_(_on_path)
        .with_(with_wrapper)
    )


def with_tools(source: dagger.Directory, group: str) -> Step:
    """Add one group of the locked tools to another container that is made from the same Python image."""
    return lambda container: container.with_directory(_ENVIRONMENT, tools(source, group).directory(_ENVIRONMENT)).with_(
        _on_path
    )


def program(source: dagger.Directory, group: str, name: str) -> dagger.File:
    """One program of a group that needs nothing but itself, to be put into another container."""
    return tools(source, group).file(f"{_ENVIRONMENT}/bin/{name}")


def _on_path(container: dagger.Container) -> dagger.Container:
    return container.with_env_variable("PATH", f"{_ENVIRONMENT}/bin:$PATH", expand=True)
