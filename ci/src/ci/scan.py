"""The scan: which vulnerabilities are known of everything in an image, Debian's packages included.

Trivy and its database come from a registry that is not reached from everywhere: where one of them cannot be had,
the scan is not run, and says so.
"""

import json
from collections.abc import Callable
from datetime import date
from typing import Any, Final

import dagger
from dagger import CacheSharingMode, dag

from ci import images, sources
from ci.audit import utc_today
from ci.errors import NotRun
from ci.excerpt import last_line, root_cause
from ci.findings import with_findings
from ci.policy.exemptions import parse_exemptions
from ci.policy.vulnerabilities import Vulnerability, judge, parse_severity
from ci.sarif import Place
from ci.stage import asked, marked_fresh, with_wrapper

CHECK: Final = "scan"
"""What exceptions call it."""

_IMAGE: Final = "/image.tar"
_ANSWER: Final = "/trivy.json"
_DATABASE: Final = "/var/cache/trivy"

# What is wrong is judged here, not by Trivy's exit code, so that both checks for vulnerabilities judge alike.
_SCAN: Final = (
    f"trivy image --input={_IMAGE} --format=json --output={_ANSWER} --exit-code=0"
    f" --scanners=vuln --cache-dir={_DATABASE} --no-progress --skip-version-check --timeout=5m"
)


def trivy() -> dagger.File:
    """The program, from the image of its makers."""
    return dag.container().from_(images.TRIVY).file("/usr/local/bin/trivy")


async def scan(
    source: dagger.Directory,
    image: dagger.Container,
    fresh: str,
    scanner: Callable[[], dagger.File] = trivy,
    today: Callable[[], date] = utc_today,
    name: str = CHECK,
) -> dagger.Container:
    """Scan an image, once a day; NotRun when the scanner or its database cannot be had.

    `name` is the stage's and its reports', where more than one image is scanned.
    """
    day = today()
    # Evaluated by itself: an image that cannot be built is no fault of the scanner's.
    packed = await image.as_tarball().sync()
    try:
        container = (
            dag.container()
            .from_(images.PYTHON)
            .with_(with_wrapper)
            .with_file("/usr/local/bin/trivy", await scanner().sync(), permissions=0o755)
            .with_mounted_file(_IMAGE, packed)
            .with_mounted_cache(_DATABASE, dag.cache_volume("trivy"), sharing=CacheSharingMode.LOCKED)
            # The database changes every day, the image does not.
            .with_env_variable("CI_DAY", day.isoformat())
            .with_(marked_fresh(fresh))
            .with_(asked(name, _SCAN))
        )
        found = parse_report(json.loads(await container.file(_ANSWER).contents()))
    except dagger.ExecError as error:
        raise NotRun(f"Trivy could not scan: {last_line(error.stdout) or error.exit_code}") from error
    except dagger.QueryError as error:
        raise NotRun(f"{images.TRIVY} could not be had: {last_line(root_cause(str(error)))}") from error
    exemptions = parse_exemptions(await source.file(sources.EXCEPTIONS).contents())
    judgement = judge(found, exemptions, CHECK, day)
    return await with_findings(name, container, "the image", judgement, lambda _: Place("Dockerfile"))


def parse_report(report: dict[str, Any]) -> tuple[Vulnerability, ...]:
    """Read Trivy's report: what it found, by operating system packages and by each language's."""
    return tuple(
        Vulnerability(
            id=found["VulnerabilityID"],
            package=found["PkgName"],
            version=found["InstalledVersion"],
            severity=parse_severity(found.get("Severity", "")),
            fixed_in=tuple(filter(None, found.get("FixedVersion", "").split(", "))),
            aliases=tuple(sorted(found.get("VendorIDs", []))),
            title=found.get("Title", ""),
        )
        for result in report.get("Results", [])
        for found in result.get("Vulnerabilities", [])
    )
