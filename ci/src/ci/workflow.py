"""The stage that looks at the workflow files: what starts the pipeline on a hosted runner."""

from typing import Final

import dagger
from dagger import dag

from ci import images, sources
from ci.base import with_sources
from ci.stage import Step, recorded
from ci.tools import tools

_BUILT: Final = "/opt/actionlint"


def with_tools(source: dagger.Directory) -> dagger.Container:
    """Make a container with actionlint, built from its sources, and zizmor."""
    toolbox = tools(source, "workflows")
    built = (
        toolbox.with_env_variable("GOBIN", _BUILT)
        .with_env_variable("CGO_ENABLED", "0")
        .with_mounted_cache("/root/go", dag.cache_volume("go"))
        .with_mounted_cache("/root/.cache/go-build", dag.cache_volume("go-build"))
        .with_exec(["go", "install", images.ACTIONLINT])
    )
    return toolbox.with_file("/usr/local/bin/actionlint", built.file(f"{_BUILT}/actionlint"))


def workflow(source: dagger.Directory) -> Step:
    """Actionlint and zizmor find nothing."""
    return lambda container: container.with_(with_sources(source, (sources.WORKFLOWS,))).with_(
        # Without a name actionlint looks for files from a repository's root, which it knows by `.git`.
        recorded(
            "workflow",
            f"actionlint {sources.WORKFLOWS}/*.yml",
            ["zizmor", "--offline", "--no-progress", "--quiet", sources.WORKFLOWS],
        )
    )
