"""Where the stages run: Python, the service's dependencies and its tools, and nothing of its sources."""

from typing import Final

import dagger
from dagger import dag

from ci import images
from ci.stage import Step, with_wrapper

WORKDIR: Final = "/work"
_ENVIRONMENT: Final = "/opt/venv"
_PACKAGES: Final = "/var/cache/uv"


def toolbox() -> dagger.Container:
    """Python with uv, whose downloads are kept between runs."""
    return (
        dag.container()
        .from_(images.PYTHON)
        .with_exec(["pip", "install", "--no-cache-dir", "--root-user-action=ignore", images.UV])
        .with_env_variable("UV_CACHE_DIR", _PACKAGES)
        .with_env_variable("UV_LINK_MODE", "copy")
        .with_env_variable("UV_PYTHON_DOWNLOADS", "never")
        .with_mounted_cache(_PACKAGES, dag.cache_volume("uv"))
        .with_workdir(WORKDIR)
    )


def base(source: dagger.Directory) -> dagger.Container:
    """The toolbox with every locked dependency: it depends on pyproject.toml and uv.lock only."""
    return (
        toolbox()
        .with_env_variable("UV_PROJECT_ENVIRONMENT", _ENVIRONMENT)
        # Stages write no bytecode, so what they import has to have it: pytest starts in half the time.
        .with_env_variable("UV_COMPILE_BYTECODE", "1")
        .with_file("pyproject.toml", source.file("pyproject.toml"))
        .with_file("uv.lock", source.file("uv.lock"))
        .with_exec(["uv", "sync", "--frozen", "--no-install-project", "--group=dev", "--no-group=pipeline"])
        .without_mount(_PACKAGES)
        .with_env_variable("PATH", f"{_ENVIRONMENT}/bin:$PATH", expand=True)
        .with_env_variable("PYTHONDONTWRITEBYTECODE", "1")
        .with_env_variable("PYTHONPATH", "src")
        .with_(with_wrapper)
    )


def with_sources(source: dagger.Directory, paths: tuple[str, ...]) -> Step:
    """Show a stage the files that it needs; an edit of any other file does not run it again."""
    return lambda container: container.with_mounted_directory(WORKDIR, source.filter(include=list(paths)))
