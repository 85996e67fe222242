"""Services that run are reached by their names, bound or not: by containers, by each other and by the engine."""

from __future__ import annotations

import dagger
import pytest
from dagger import dag


@pytest.fixture
def web(python: dagger.Container, unique: str) -> dagger.Service:
    """A web server with one page; its name is no other's."""
    page = python.with_workdir("/srv").with_new_file("index.html", f"page {unique}").with_exposed_port(8080)
    return page.as_service(args=["python", "-m", "http.server", "8080"]).with_hostname(f"web{unique[:12]}")


async def test_download_from_a_running_service(web: dagger.Service, unique: str) -> None:
    """A download may name a service by its endpoint, as long as it runs."""
    await web.start()
    endpoint = await web.endpoint(port=8080, scheme="http")
    assert await dag.http(f"{endpoint}/index.html").contents() == f"page {unique}"
    await web.stop()


async def test_container_reaches_a_running_service(web: dagger.Service, fresh: dagger.Container, unique: str) -> None:
    """A container that binds nothing reaches a service that was started before it."""
    await web.start()
    script = f"import urllib.request as u; print(u.urlopen('http://web{unique[:12]}:8080').read().decode())"
    assert await fresh.with_exec(["python3", "-c", script]).stdout() == f"page {unique}\n"
    await web.stop()
