"""The machine's own way to Debian: which mirror it uses, and how apt gets there."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path("/etc/apt")
_SUITES = re.compile(
    r"(buster|bullseye|bookworm|trixie|forky|sid|stable|oldstable|testing|unstable)(-updates|-security|/updates)?"
)
# What of the machine's apt configuration the build and `apt-get update` in the image need to reach the mirror.
_KEPT_OPTIONS = re.compile(
    r"Acquire::(?:Check-Valid-Until|Check-Date|Retries|ForceIPv4|ForceIPv6|https?::(?:Proxy|CAInfo|Timeout|Verify-Peer)"
    r"|https?::Proxy::[^ ]+) \"[^\"]+\";"
)


@dataclass(frozen=True)
class _Source:
    uri: str
    suite: str


def apt_sources(suite: str, mirror: str | None = None) -> str | None:
    """Lines of a `sources.list` for a release with its updates and security fixes.

    The mirror is the given one, else the machine's own when the machine is a Debian. None where it is not:
    mmdebstrap knows Debian's own.
    """
    sources = list(_machine_sources())
    archive = mirror or next((source.uri for source in sources if not source.suite.endswith("security")), None)
    if archive is None:
        return None
    archive = archive.rstrip("/")
    security = next((source.uri for source in sources if source.suite.endswith("security")), None)
    if mirror or security is None:
        # Mirrors that carry security fixes have them beside the archive.
        security = f"{archive}-security"
    lines = [
        f"deb {archive} {suite} main",
        f"deb {archive} {suite}-updates main",
        f"deb {security.rstrip('/')} {suite}-security main",
    ]
    return "".join(f"{line}\n" for line in lines)


def acquire_options() -> list[str]:
    """The lines of the machine's apt configuration about proxies, certificates and stale mirrors."""
    try:
        dump = subprocess.run(["apt-config", "dump"], check=True, capture_output=True, text=True, timeout=10).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [line for line in dump.splitlines() if _KEPT_OPTIONS.fullmatch(line)]


def is_for_this_machine_only(option: str) -> bool:
    """Whether a line of apt's configuration means nothing inside an image: it names this machine's files or ports."""
    return "CAInfo" in option or re.search(r"//(localhost|127\.|\[::1\])", option) is not None


def _machine_sources() -> Iterator[_Source]:
    """Every source of the machine that is a Debian archive, in apt's order."""
    folder = _FOLDER
    one_line = [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*.list"))]
    for path in one_line:
        for line in _lines(path):
            if match := re.match(r"deb\s+(?:\[[^\]]*\]\s*)?(\S+)\s+(\S+)\s+.*\bmain\b", line):
                yield from _debian(match[1], match[2])
    for path in sorted((folder / "sources.list.d").glob("*.sources")):
        yield from _deb822(path)


def _deb822(path: Path) -> Iterator[_Source]:
    """Sources of a file of stanzas; continued lines belong to the field above."""
    for stanza in re.split(r"\n\s*\n", "\n".join(_lines(path))):
        fields = {
            match[1].lower(): match[2].split()
            for match in re.finditer(r"^([A-Za-z-]+):((?:.*)(?:\n[ \t].*)*)", stanza, re.MULTILINE)
        }
        if "deb" not in fields.get("types", []) or fields.get("enabled", ["yes"])[0].lower() in {"no", "false"}:
            continue
        for uri in fields.get("uris", []):
            for suite in fields.get("suites", []):
                yield from _debian(uri, suite)


def _debian(uri: str, suite: str) -> Iterator[_Source]:
    """A source, if its suite is one of Debian's and its address one that other programs can read."""
    if _SUITES.fullmatch(suite) and uri.startswith(("http://", "https://", "file:", "mirror+http")):
        yield _Source(uri, suite)


def _lines(path: Path) -> list[str]:
    """The lines of a file without comments; nothing where it cannot be read."""
    if not os.access(path, os.R_OK):
        return []
    return [
        line for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if not line.startswith("#")
    ]
