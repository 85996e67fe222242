"""Asks which vulnerabilities are known of locked dependencies, and how severe each is; prints the answers as JSON.

Usage: python ask_advisories.py REQUIREMENTS SERVICE
REQUIREMENTS is a file of pinned requirements with hashes, SERVICE the address of an OSV service. On stdout:
    {"dependencies": what pip-audit answers, "severities": {"GHSA-...": "HIGH", ...}}
Exits with 1 and one line on stderr when the service cannot be asked about every dependency: half an answer is none.
pip-audit drops the severity of an advisory, so it is read from the advisory itself, or from one that is its alias.
"""

import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable
from pathlib import Path

SECONDS_TO_ANSWER = 20
ATTEMPTS = 3

Answer = dict[str, object]


class Unanswered(Exception):  # noqa: N818 - a question without an answer, said to a person as it is
    """The service could not be asked, or did not answer about everything."""


def ask(requirements: Path, service: str) -> list[dict[str, object]]:
    """Let pip-audit ask about every requirement; Unanswered when it has not."""
    options = ["--no-deps", "--disable-pip", "--progress-spinner=off", f"--timeout={SECONDS_TO_ANSWER}"]
    command = ["pip-audit", f"--requirement={requirements}", "--vulnerability-service=osv", "--format=json", *options]
    done = subprocess.run([*command, f"--osv-url={service}/v1/query"], capture_output=True, text=True, check=False)
    # It ends with 1 both when it found something and when it failed: only an answer is an answer.
    try:
        dependencies: list[dict[str, object]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        raise Unanswered(last_line(done.stderr) or f"pip-audit ended with {done.returncode} and no answer") from None
    if skipped := [f"{one['name']} ({one['skip_reason']})" for one in dependencies if "skip_reason" in one]:
        raise Unanswered(f"nothing is known about {', '.join(skipped)}")
    if missing := pinned(requirements.read_text()) - {str(one["name"]) for one in dependencies}:
        raise Unanswered(f"it was not asked about {', '.join(sorted(missing))}")
    return dependencies


def pinned(requirements: str) -> set[str]:
    """Name the requirements that hold on the Python that runs this; what is for another platform is not shipped.

    >>> pinned("# made by uv\\nAnyIO[trio]==4.9.0 \\\\\\n    --hash=sha256:00\\ncolorama==0.4 ; sys_platform == 'win32' \\\\\\n")
    {'anyio'}
    """
    lines = re.findall(r"^([A-Za-z0-9._-]+)(?:\[.*?\])?==\S+(?: ; (.+?))?(?: \\)?$", requirements, re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", name).lower() for name, marker in lines if not marker or holds(marker)}


def holds(marker: str) -> bool:
    """Whether an environment marker holds here."""
    from packaging.markers import Marker  # comes with pip-audit

    return bool(Marker(marker).evaluate())


def severities(dependencies: Iterable[dict[str, object]], service: str) -> dict[str, str]:
    """Look up the severity of every advisory that was found; one that names none is left out."""
    found: dict[str, str] = {}
    for dependency in dependencies:
        for advisory in dependency["vulns"]:  # type: ignore[attr-defined]  # pip-audit's list
            names = [advisory["id"], *advisory["aliases"]]
            word = next(filter(None, (severity(fetch(f"{service}/v1/vulns/{name}")) for name in names)), "")
            if word:
                found[advisory["id"]] = word
    return found


def severity(advisory: Answer) -> str:
    """Read the word that GitHub's reviewers gave to an advisory; empty where they gave none.

    >>> severity({"id": "GHSA-1", "database_specific": {"severity": "HIGH"}})
    'HIGH'
    """
    specific = advisory.get("database_specific")
    return str(specific.get("severity") or "") if isinstance(specific, dict) else ""


def fetch(url: str) -> Answer:
    """Get a JSON document; empty when there is none of that name, Unanswered when nobody answers."""
    reason = ""
    for _ in range(ATTEMPTS):
        try:
            with urllib.request.urlopen(url, timeout=SECONDS_TO_ANSWER) as response:  # noqa: S310 - the pipeline's own
                document: Answer = json.load(response)
                return document
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return {}
            reason = f"it answers {error.code}"
        except (OSError, ValueError) as error:
            # urllib wraps what the network said.
            reason = str(getattr(error, "reason", error))
    raise Unanswered(reason)


def last_line(text: str) -> str:
    """Give the last line that says something.

    >>> last_line("Traceback\\n  ...\\nConnectionError: no way\\n\\n")
    'ConnectionError: no way'
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def main() -> int:
    """Answer on stdout."""
    requirements, service = Path(sys.argv[1]), sys.argv[2]
    try:
        # First with one name that nobody has: pip-audit tells of a network that is away at length, and late.
        fetch(f"{service}/v1/vulns/NONE-0")
        dependencies = ask(requirements, service)
        print(json.dumps({"dependencies": dependencies, "severities": severities(dependencies, service)}))
    except Unanswered as reason:
        print(reason, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
