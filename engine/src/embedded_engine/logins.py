"""Logins to registries that a program gives: they count for the whole session, as on Dagger, and stay in memory."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit, urlunsplit

from embedded_engine.images.auth import Credentials
from embedded_engine.images.reference import DEFAULT_REGISTRY


class Logins:
    """The logins of one session by registry. They come before those of Docker's configuration file."""

    def __init__(self) -> None:
        self._known: dict[str, Credentials] = {}

    def add(self, address: str, username: str, password: str) -> None:
        """Keep a login for the registry of an address, in place of an earlier one."""
        self._known[registry_of(address)] = Credentials(username, password)

    def remove(self, address: str) -> None:
        """Forget the login for the registry of an address; one that is not there is no error."""
        self._known.pop(registry_of(address), None)

    def find(self, registry: str) -> Credentials | None:
        """The login for a registry."""
        return self._known.get(registry)


def registry_of(address: str) -> str:
    """The registry that a registry's or an image's address means: its scheme, path, tag and digest do not matter.

    >>> registry_of("https://registry.example.com/team/app:1.0"), registry_of("localhost:5000"), registry_of("redis")
    ('registry.example.com', 'localhost:5000', 'docker.io')
    """
    host = address.removeprefix("https://").removeprefix("http://").partition("@")[0].partition("/")[0]
    name, colon, port = host.rpartition(":")
    if colon and not port.isdecimal():
        host = name
    # A bare name is an image of Docker Hub, unless it has a port or a dot as hosts do.
    if not set(host) & {".", ":"} and host != "localhost":
        return DEFAULT_REGISTRY
    return DEFAULT_REGISTRY if host.endswith("docker.io") else host


def split_login(url: str) -> tuple[str, Credentials | None]:
    """An http or https URL without the login that it may hold, and that login.

    >>> split_login("https://me:token@host/x.git")[0], split_login("https://host/x.git")
    ('https://host/x.git', ('https://host/x.git', None))
    """
    parts = urlsplit(url)
    login, at, host = parts.netloc.rpartition("@")
    if not at or parts.scheme not in ("http", "https"):
        return url, None
    username, _, password = login.partition(":")
    return urlunsplit(parts._replace(netloc=host)), Credentials(unquote(username), unquote(password))
