"""The reports of a suite as a directory: what people, pull requests and machines read after a run."""

from collections.abc import Sequence

import dagger
from dagger import dag

from ci import suite as suites
from ci.page import page
from ci.policy.suites import Suite, stages_of
from ci.stage import REPORTS, Result
from ci.summary import as_json, as_markdown


async def report(module: object, suite: Suite, history: dagger.Directory) -> dagger.Directory:
    """Collect logs, JUnit, coverage and times of every stage, and say the verdict; a red stage raises nothing.

    The stages are asked for exactly as the suite asked for them, so what has run is taken from the cache, with the
    exit codes and the times of that run.
    """
    results = await suites.run(module, stages_of(suite), history=history)
    outcomes = [result.outcome for result in results]
    reports = reports_of_stages(results)
    files = await reports.glob("**/*")
    return (
        reports.with_new_file("summary.json", as_json(suite, outcomes))
        .with_new_file("summary.md", as_markdown(suite, outcomes))
        .with_new_file("index.html", page(suite, outcomes, [*files, "summary.json", "summary.md"]))
    )


def reports_of_stages(results: Sequence[Result]) -> dagger.Directory:
    """Collect what stages left."""
    reports = dag.directory()
    for result in results:
        reports = with_reports_of(result, reports)
    return reports


def with_reports_of(result: Result, reports: dagger.Directory) -> dagger.Directory:
    """Add what a stage left; where its commands never ran, the reason takes the place of the log."""
    if result.container is None:
        return reports.with_new_file(f"logs/{result.outcome.stage}.txt", f"{result.outcome.describe()}\n")
    # The times are in the summary.
    return reports.with_directory(".", result.container.directory(REPORTS), exclude=["times"])
