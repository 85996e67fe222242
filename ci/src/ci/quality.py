"""Stages that read the code and run none of it."""

from typing import Final

import dagger
from dagger import CacheSharingMode, dag

from ci import sources
from ci.base import with_sources
from ci.stage import Step, recorded, with_wrapper

_TYPES_CACHE: Final = "/var/cache/mypy"


def formatting(source: dagger.Directory) -> Step:
    """The formatter would change nothing."""
    return lambda container: container.with_(with_sources(source, sources.CHECKED)).with_(
        # Without a cache of its own ruff reads this service in milliseconds: less than a volume would cost.
        recorded("formatting", ["ruff", "format", "--check", "--diff", "--no-cache", *sources.CODE])
    )


def lint(source: dagger.Directory) -> Step:
    """The linter finds nothing."""
    return lambda container: container.with_(with_sources(source, sources.CHECKED)).with_(
        recorded("lint", ["ruff", "check", "--no-cache", "--output-format=concise", *sources.CODE])
    )


def types(source: dagger.Directory) -> Step:
    """The strict type checker finds nothing; it remembers unchanged modules between runs."""
    return lambda container: (
        container.with_(with_sources(source, sources.CHECKED))
        # Locked: two runs that write it at once would throw away each other's work.
        .with_mounted_cache(_TYPES_CACHE, dag.cache_volume("mypy"), sharing=CacheSharingMode.LOCKED)
        .with_(recorded("types", ["mypy", f"--cache-dir={_TYPES_CACHE}", *sources.CODE]))
    )


def lock(source: dagger.Directory) -> Step:
    """Every lock file is what its pyproject.toml asks for."""
    checks = [["uv", "lock", "--check", f"--project={project}"] for project in sources.PROJECTS]
    return lambda container: (
        container.with_(with_wrapper).with_(with_sources(source, sources.LOCKS)).with_(recorded("lock", *checks))
    )
