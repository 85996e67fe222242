"""Files from the web."""

from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import dagger
import pytest
from dagger import dag


@dataclass
class Site:
    """What the server answers, and what it was asked."""

    content: bytes = b"one"
    etag: str = '"1"'
    asked: list[dict[str, str]] = field(default_factory=list)
    answered: list[int] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def site() -> Iterator[Site]:
    """A web server on loopback."""
    known = Site()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known.asked.append(dict(self.headers))
            same = self.headers.get("If-None-Match") == known.etag
            missing = self.path.startswith("/missing")
            status = 404 if missing else 304 if same else 200
            known.answered.append(status)
            self.send_response(status)
            self.send_header("ETag", known.etag)
            self.send_header("Last-Modified", "Thu, 01 Jan 1970 00:01:00 GMT")
            body = known.content if status == 200 else b""
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        known.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield known
        server.shutdown()
        thread.join()


async def test_file_with_its_name_and_mode(connected: None, site: Site) -> None:
    """The name is the URL's last part unless one is given; only the owner may read it unless told otherwise."""
    plain = dag.http(f"{site.url}/dir/data.txt?x=1")
    assert (await plain.name(), await plain.contents(), await plain.stat().permissions()) == ("data.txt", "one", 0o600)
    other = dag.http(f"{site.url}/", name="mine", permissions=0o755)
    assert (await other.name(), await other.stat().permissions()) == ("mine", 0o755)
    assert await dag.http(f"{site.url}/").name() == "index"


async def test_unchanged_file_is_not_sent_again(connected: None, site: Site) -> None:
    """With an ETag the server is asked whether it changed; a change is seen."""
    assert await dag.http(f"{site.url}/e").contents() == "one"
    assert await dag.http(f"{site.url}/e", permissions=0o644).contents() == "one"
    assert 304 in site.answered
    site.content, site.etag = b"two", '"2"'
    assert await dag.http(f"{site.url}/e", permissions=0o640).contents() == "two"


async def test_checksum(connected: None, site: Site) -> None:
    """A file that is not the expected one is refused."""
    right = f"sha256:{hashlib.sha256(b'one').hexdigest()}"
    assert await dag.http(f"{site.url}/c", checksum=right).contents() == "one"
    with pytest.raises(dagger.QueryError, match=f"checksum mismatch: expected sha256:0+, got {right}"):
        await dag.http(f"{site.url}/c", checksum=f"sha256:{'0' * 64}").contents()


async def test_login_is_sent(connected: None, site: Site) -> None:
    """The header's value goes to the server, and the answer is not kept for others."""
    header = dag.set_secret("http-header", "Bearer abc")
    assert await dag.http(f"{site.url}/a", auth_header=header).contents() == "one"
    assert site.asked[-1]["Authorization"] == "Bearer abc"
    await dag.http(f"{site.url}/a").contents()
    assert "If-None-Match" not in site.asked[-1]


@pytest.mark.parametrize(
    ("url", "problem"),
    [("/missing", "invalid response status 404"), ("ftp://x/y", "no http or https URL")],
    ids=["missing", "scheme"],
)
@pytest.mark.usefixtures("embedded_only")
async def test_what_cannot_be_had(connected: None, site: Site, url: str, problem: str) -> None:
    """A missing file or another scheme is told."""
    with pytest.raises(dagger.QueryError, match=problem):
        await dag.http(url if "://" in url else f"{site.url}{url}").contents()


async def test_service_as_server(machine: Callable[[], dagger.Container]) -> None:
    """A file comes from a service of the session by the service's host name."""
    service: Any = (
        machine()
        .with_new_file("/etc/registry.yml", "version: 0.1\nstorage: {inmemory: {}}\nhttp: {addr: ':5000'}\n")
        .with_exposed_port(5000)
        .with_default_args(["docker-registry", "serve", "/etc/registry.yml"])
        .as_service()
        .with_hostname("web")
    )
    file = dag.http("http://web:5000/v2/", name="answer", experimental_service_host=service)
    assert await file.contents() == "{}"
    await service.stop()
