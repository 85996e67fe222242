"""Stages that run the service's tests."""

from typing import Final

import dagger

from ci import sources
from ci.base import with_sources
from ci.services import with_postgres, with_redis
from ci.stage import REPORTS, Step, recorded

COVERAGE: Final = f"{REPORTS}/coverage"
_LEAST_COVERAGE: Final = 80
"""Percent of the branches and lines of the service that its unit tests run."""

# A cache of pytest's would remember the last failures of a container that is gone.
_PYTEST: Final = ("pytest", "-p", "no:cacheprovider", "--color=no")


def unit(source: dagger.Directory) -> Step:
    """The unit tests pass; they cover enough of the service, and all of its core."""
    tests = [
        *_PYTEST,
        *("-m", "not integration"),
        f"--junitxml={REPORTS}/junit/unit.xml",
        *("--cov", "--cov-branch", f"--cov-fail-under={_LEAST_COVERAGE}"),
        *(f"--cov-report={report}" for report in ("term", f"xml:{COVERAGE}/coverage.xml", f"html:{COVERAGE}/html")),
        "tests/unit",
    ]
    core = ["coverage", "report", "--include=*/app/core/*", "--fail-under=100", "--show-missing"]
    return lambda container: container.with_(with_sources(source, sources.UNIT_TESTS)).with_(
        recorded("unit", tests, core)
    )


def integration(source: dagger.Directory, fresh: str) -> Step:
    """The integration tests pass against a real database and a real cache, each worker on a database of its own."""
    tests = [
        *_PYTEST,
        *("-m", "integration", "-n", "auto", "--maxprocesses=4"),
        f"--junitxml={REPORTS}/junit/integration.xml",
        "tests/integration",
    ]
    return lambda container: (
        container.with_(with_sources(source, sources.INTEGRATION_TESTS))
        .with_(with_postgres("integration", fresh))
        .with_(with_redis("integration", fresh))
        .with_(recorded("integration", tests))
    )
