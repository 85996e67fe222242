"""The stage that looks at the workflow files: what starts the pipeline on a hosted runner."""

import dagger

from ci import go, images, sources
from ci.base import with_sources
from ci.stage import Step, recorded
from ci.tools import tools


def with_tools(source: dagger.Directory) -> dagger.Container:
    """Make a container with actionlint, built from its sources, and zizmor."""
    return tools(source, "workflows").with_file("/usr/local/bin/actionlint", go.program(source, images.ACTIONLINT))


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
