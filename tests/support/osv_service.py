"""An OSV service with made-up advisories: `python osv_service.py PORT ADVISORIES`, a JSON file of a list of them.

It answers as OSV documents it: POST /v1/query what is known of a version, GET /v1/vulns/ID an advisory. An advisory that
is `{"broken": "NAME"}` makes every question about that package end with 500. Standard library only.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


def known_of(advisories: list[dict[str, Any]], package: str, version: str) -> list[dict[str, Any]]:
    """The advisories that name a version."""
    return [
        advisory
        for advisory in advisories
        for affected in advisory.get("affected", [])
        if affected["package"]["name"] == package and version in affected["versions"]
    ]


def advisory(
    name: str, package: str, version: str, *, fixed: str = "99.0", severity: str = "", aliases: tuple[str, ...] = ()
) -> dict[str, Any]:
    """An advisory in OSV's own form, about one version of a package."""
    events = [{"introduced": "0"}, *([{"fixed": fixed}] if fixed else [])]
    return {
        "schema_version": "1.7.3",
        "id": name,
        "aliases": list(aliases),
        "summary": f"{package} believes what it is told",
        "affected": [
            {
                "package": {"name": package, "ecosystem": "PyPI"},
                "ranges": [{"type": "ECOSYSTEM", "events": events}],
                "versions": [version],
            }
        ],
    } | ({"database_specific": {"severity": severity}} if severity else {})


def main() -> None:
    """Serve until the end."""
    advisories: list[dict[str, Any]] = json.loads(Path(sys.argv[2]).read_text())
    broken = {advisory["broken"] for advisory in advisories if "broken" in advisory}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name = asked["package"]["name"]
            if name in broken:
                self.answer(500, {"code": 13, "message": "internal"})
            else:
                known = known_of(advisories, name, asked["version"])
                self.answer(200, {"vulns": known} if known else {})

        def do_GET(self) -> None:
            name = self.path.rpartition("/")[2]
            found = [advisory for advisory in advisories if advisory.get("id") == name]
            self.answer(200, found[0]) if found else self.answer(404, {"code": 5, "message": "Bug not found."})

        def answer(self, status: int, document: dict[str, Any]) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    ThreadingHTTPServer(("", int(sys.argv[1])), Handler).serve_forever()


if __name__ == "__main__":
    main()
