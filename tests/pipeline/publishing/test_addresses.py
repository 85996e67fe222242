"""How a repository is written, and what is refused before anything is asked or sent."""

from types import SimpleNamespace
from typing import Any

import pytest

from ci.registry import RegistryError, Repository

HOST_EXPECTED = "expected host[:port]/name, such as registry.example/team/app"
SECRET: Any = SimpleNamespace()  # stands for a secret and for a service: whether there is one is all that is asked


@pytest.mark.parametrize(
    ("text", "address", "host"),
    [
        pytest.param("registry.example/app", "registry.example/app", "registry.example", id="a host and a name"),
        pytest.param(
            "localhost:5000/a/b", "localhost:5000/a/b", "localhost:5000", id="a port, and a name of two parts"
        ),
        pytest.param("registry.example/Acme/App", "registry.example/acme/app", "registry.example", id="upper case"),
    ],
)
def test_an_address_is_read(text: str, address: str, host: str) -> None:
    """Registries want lower case, owners on GitHub do not always have it."""
    repository = Repository(text)
    assert (repository.address, repository.host) == (address, host)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("", "image name '' is refused", id="nothing"),
        pytest.param("app", f"app names no registry: {HOST_EXPECTED}", id="no host"),
        pytest.param("team/app", f"team/app names no registry: {HOST_EXPECTED}", id="an owner is no host"),
        pytest.param("registry.example", f"registry.example names no registry: {HOST_EXPECTED}", id="no name"),
        pytest.param("registry.example/", "image name 'registry.example/' is refused", id="an empty name"),
        pytest.param("registry.example/app:1.4", "image name 'registry.example/app:1.4' is refused", id="a tag"),
        pytest.param("registry.example/app@sha256:" + "a" * 64, "image name 'registry.example/app@sha", id="a digest"),
        pytest.param("https://registry.example/app", "image name 'https://registry.example/app' is", id="a URL"),
        pytest.param("registry..example/app", "image name 'registry..example/app' is refused", id="a malformed host"),
        pytest.param(
            "-registry.example/app", "image name '-registry.example/app' is refused", id="a host like an option"
        ),
        pytest.param("registry.example:0/app", "names no registry", id="port 0"),
        pytest.param("registry.example:70000/app", "names no registry", id="no such port"),
        pytest.param("registry.example/app\n--x", r"image name 'registry.example/app\n--x' is refused", id="two lines"),
        pytest.param("registry.example/äpp", r"image name 'registry.example/\xe4pp' is refused", id="beyond ASCII"),
        pytest.param("registry.example/" + "a" * 300, "(317 characters) is refused", id="too long"),
    ],
)
def test_what_is_no_address_is_refused_in_one_line(text: str, reason: str) -> None:
    """The line says what was expected."""
    with pytest.raises(RegistryError) as refused:
        Repository(text)
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("username", "password", "reason"),
    [
        pytest.param("ci", None, "one of them is missing", id="no password"),
        pytest.param("", SECRET, "one of them is missing", id="no user name"),
        pytest.param("c:i", SECRET, "has no colon", id="a colon would begin the password"),
        pytest.param("c\ni", SECRET, "no control characters", id="two lines"),
    ],
)
def test_half_a_login_is_refused(username: str, password: Any, reason: str) -> None:
    """A missing variable of CI would otherwise look like a registry that denies."""
    with pytest.raises(RegistryError, match=reason):
        Repository("registry.example/app", username, password)


def test_a_registry_that_is_a_service_has_a_port() -> None:
    """The engine would look for it where registries in the open are."""
    with pytest.raises(RegistryError, match="the address names its port"):
        Repository("registry.example/app", service=SECRET)
