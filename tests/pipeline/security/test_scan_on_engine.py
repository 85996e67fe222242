"""The scan of an image: a program stands in for Trivy, which reads what the real one reads and writes what it writes."""

import json
from functools import partial

import dagger
import pytest
from dagger import dag

from ci import images
from ci.outcome import Status
from ci.scan import parse_report, scan
from ci.stage import Result, carry_out

pytestmark = pytest.mark.asyncio(loop_scope="module")

# As Trivy's documentation shows its second schema: one result for the operating system, one for each language, some of
# them without findings, and without a field where there is nothing to say.
REPORT = {
    "SchemaVersion": 2,
    "ArtifactName": "/image.tar",
    "ArtifactType": "container_image",
    "Results": [
        {
            "Target": "/image.tar (debian 13.1)",
            "Class": "os-pkgs",
            "Type": "debian",
            "Vulnerabilities": [
                {
                    "VulnerabilityID": "CVE-2026-2",
                    "VendorIDs": ["DSA-9999-1"],
                    "PkgName": "libssl3t64",
                    "InstalledVersion": "3.5.1-1",
                    "FixedVersion": "3.5.1-1+deb13u1",
                    "Status": "fixed",
                    "Severity": "CRITICAL",
                    "Title": "openssl: a reader is believed",
                },
                {
                    "VulnerabilityID": "CVE-2026-3",
                    "PkgName": "libc6",
                    "InstalledVersion": "2.41-12",
                    "Status": "affected",
                    "Severity": "HIGH",
                },
            ],
        },
        {"Target": "Python", "Class": "lang-pkgs", "Type": "python-pkg"},
    ],
}

STAND_IN = """#!/bin/sh
case " $* " in *" --input=/image.tar --format=json --output=/trivy.json --exit-code=0 "*) ;; *) exit 9 ;; esac
tar -tf /image.tar | grep -q '^\\(\\./\\)\\?oci-layout$' || { echo 'FATAL no image'; exit 1; }
cat >/trivy.json <<'END'
REPORT
END
"""

WITHOUT_DATABASE = """#!/bin/sh
echo '2026-11-21T00:00:00Z INFO Need to update DB' >&2
echo 'FATAL Fatal error init error: DB error: failed to download vulnerability DB' >&2
exit 1
"""


async def scanned(source: dagger.Directory, program: str, name: str = "scan") -> Result:
    """Carry the stage out with a program in Trivy's place, on a small image."""
    small = dag.container().with_new_file("/etc/made-up", "an image\n")

    def trivy() -> dagger.File:
        return dag.directory().with_new_file("trivy", program).file("trivy")

    return await carry_out(name, partial(scan, source, small, "", trivy, name=name))


async def test_what_trivy_reports_is_judged_as_the_audit_judges(source: dagger.Directory) -> None:
    """Critical and fixable is red; what has no fix passes; both are in the log and in SARIF."""
    result = await scanned(source, STAND_IN.replace("REPORT", json.dumps(REPORT)))
    assert result.outcome.status is Status.FAILED
    assert "FAIL  libssl3t64 3.5.1-1: CVE-2026-2 (critical, fixed in 3.5.1-1+deb13u1)" in result.outcome.excerpt
    assert "pass  libc6 2.41-12: CVE-2026-3 (high, no fix yet)" in result.outcome.excerpt
    assert result.container is not None
    sarif = json.loads(await result.container.file("/reports/sarif/scan.sarif").contents())
    levels = {one["ruleId"]: one["level"] for one in sarif["runs"][0]["results"]}
    assert levels == {"CVE-2026-2": "error", "CVE-2026-3": "note"}


async def test_each_of_several_images_has_reports_of_its_own(source: dagger.Directory) -> None:
    """Under the name of its stage, also as the tool of SARIF: GitHub takes a tool once in an upload."""
    result = await scanned(source, STAND_IN.replace("REPORT", json.dumps(REPORT)), "scan-1.4.2")
    assert (result.outcome.stage, result.outcome.status) == ("scan-1.4.2", Status.FAILED)
    assert result.container is not None
    reports = result.container.directory("/reports")
    assert {path for path in await reports.glob("*/*") if "." in path} >= {
        "logs/scan-1.4.2.txt",
        "sarif/scan-1.4.2.sarif",
    }
    sarif = json.loads(await reports.file("sarif/scan-1.4.2.sarif").contents())
    assert sarif["runs"][0]["tool"]["driver"]["name"] == "scan-1.4.2"


async def test_an_image_without_findings_passes(source: dagger.Directory) -> None:
    """Trivy leaves out what is empty."""
    result = await scanned(source, STAND_IN.replace("REPORT", json.dumps({"SchemaVersion": 2})))
    assert result.outcome.status is Status.PASSED


async def test_without_its_database_the_scan_is_not_run(source: dagger.Directory) -> None:
    """The reason is Trivy's last line."""
    result = await scanned(source, WITHOUT_DATABASE)
    assert result.outcome.status is Status.NOT_RUN
    assert result.outcome.reason.endswith("DB error: failed to download vulnerability DB")


async def test_without_its_image_the_scan_is_not_run(source: dagger.Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can take it for a green one."""
    monkeypatch.setattr(images, "TRIVY", "localhost:9/nobody/trivy:0")
    result = await carry_out("scan", partial(scan, source, dag.container().with_new_file("/a", "b"), ""))
    assert result.outcome.status is Status.NOT_RUN
    assert result.outcome.reason.startswith("localhost:9/nobody/trivy:0 could not be had: ")


async def test_a_report_is_read_with_every_name_and_every_fix() -> None:
    """An exception may use Debian's name of it."""
    first, second = parse_report(REPORT)
    assert first.names == {"CVE-2026-2", "DSA-9999-1"}
    assert first.fixed_in == ("3.5.1-1+deb13u1",)
    assert second.fixed_in == ()
