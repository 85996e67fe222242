"""The audit: which vulnerabilities are known of the locked dependencies that the service ships.

pip-audit asks an OSV service, whose advisories name a severity; those that PyPI passes on do not.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

import dagger

from ci import sources
from ci.errors import NotRun
from ci.excerpt import last_line
from ci.findings import with_findings
from ci.policy.exemptions import parse_exemptions
from ci.policy.vulnerabilities import Vulnerability, judge, parse_severity
from ci.sarif import place_in_lock
from ci.scripts import text_of
from ci.stage import Step, asked, marked_fresh
from ci.tools import tools

_SCRIPT: Final = "/opt/ci/ask_advisories.py"
_REQUIREMENTS: Final = "/opt/ci/requirements.txt"
_ANSWER: Final = "/opt/ci/answer.json"

# As the Dockerfile installs them.
_EXPORT: Final = ("uv", "export", "--frozen", "--no-dev", "--no-group=pipeline", "--no-emit-project", "--quiet")


@dataclass(frozen=True)
class Advisories:
    """An OSV service, and what a container needs to reach it."""

    address: str = "https://api.osv.dev"
    reach: Step = lambda container: container


PUBLIC: Final = Advisories()


def utc_today() -> date:
    """Give the day, everywhere the same."""
    return datetime.now(UTC).date()


async def audit(
    source: dagger.Directory,
    fresh: str,
    advisories: Advisories = PUBLIC,
    today: Callable[[], date] = utc_today,
) -> dagger.Container:
    """Ask about every locked dependency, once a day; NotRun when nobody answers about all of them."""
    day = today()
    command = f"python {_SCRIPT} {_REQUIREMENTS} {advisories.address} > {_ANSWER}"
    container = (
        # Evaluated by itself: when the tools cannot be installed, that is no silence of the service.
        (await requirements(source).sync())
        .with_new_file(_SCRIPT, text_of("ask_advisories.py"))
        .with_(advisories.reach)
        # New advisories come every day, for versions that stay the same.
        .with_env_variable("CI_DAY", day.isoformat())
        .with_(marked_fresh(fresh))
        .with_(asked("audit", command))
    )
    try:
        answer = json.loads(await container.file(_ANSWER).contents())
    except dagger.ExecError as error:
        raise NotRun(f"{advisories.address} could not be asked for advisories: {last_line(error.stdout)}") from error
    exemptions = parse_exemptions(await source.file(sources.EXCEPTIONS).contents())
    place_of = place_in_lock(await source.file("uv.lock").contents(), "uv.lock")
    subject = f"{len(answer['dependencies'])} locked dependencies"
    return await with_findings(
        "audit", container, subject, judge(parse_answer(answer), exemptions, "audit", day), place_of
    )


def requirements(source: dagger.Directory) -> dagger.Container:
    """Write down what the service ships: the locked dependencies without its tools, pinned, with hashes."""
    return (
        tools(source, "advisories")
        .with_file("pyproject.toml", source.file("pyproject.toml"))
        .with_file("uv.lock", source.file("uv.lock"))
        .with_exec([*_EXPORT, f"--output-file={_REQUIREMENTS}"])
    )


def parse_answer(answer: dict[str, Any]) -> tuple[Vulnerability, ...]:
    """Read what the program in the container has collected."""
    return tuple(
        Vulnerability(
            id=advisory["id"],
            package=dependency["name"],
            version=dependency["version"],
            severity=parse_severity(answer["severities"].get(advisory["id"], "")),
            fixed_in=tuple(advisory["fix_versions"]),
            aliases=tuple(sorted(advisory["aliases"])),
            title=advisory["description"].splitlines()[0][:200] if advisory["description"] else "",
        )
        for dependency in answer["dependencies"]
        for advisory in dependency["vulns"]
    )
