"""What lets package installers work on the host, for containers: its CA bundle, its proxies, its package indexes.

All of it is given at run time, by variables, and only where a container does not set them itself. An address on the
host's loopback means something else in a container: it is rewritten to the bridge, where its port is forwarded.
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from urllib.parse import unquote, urlsplit

from embedded_engine.sandbox.supervisor.addresses import BRIDGE

_CERTIFICATE_VARIABLES = (
    "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT", "NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO", "AWS_CA_BUNDLE",
)  # fmt: skip
_PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY")
_INDEX_VARIABLES = (
    "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_INDEX",
    "NPM_CONFIG_REGISTRY", "npm_config_registry", "GOPROXY",
)  # fmt: skip
_PIP_SETTINGS = {
    "index-url": "PIP_INDEX_URL",
    "extra-index-url": "PIP_EXTRA_INDEX_URL",
    "trusted-host": "PIP_TRUSTED_HOST",
}
_PIP_FILES = (Path("/etc/pip.conf"), Path("~/.pip/pip.conf"), Path("~/.config/pip/pip.conf"))
_LOOPBACK = ("localhost", "127.", "[::1]", "::1")
_DEFAULT_PORTS = {"http": 80, "https": 443, "socks5": 1080}


@dataclass(frozen=True)
class HostSettings:
    """The host's settings: a file of certificates, variables, and the loopback ports that they mean."""

    certificates: Path | None = None
    variables: tuple[tuple[str, str], ...] = ()
    forwarded_ports: frozenset[int] = frozenset()

    CERTIFICATES: ClassVar[str] = "/dev/.ca-certificates.crt"
    """Where a container finds the certificates: in its own /dev, so that no stub is left in its root."""

    @classmethod
    def read(cls, environ: Mapping[str, str], pip_files: tuple[Path, ...] = _PIP_FILES) -> HostSettings:
        """The settings of a host with these variables and pip configurations."""
        found = {name: environ[name] for name in _INDEX_VARIABLES if environ.get(name)}
        for name, value in _pip_settings(pip_files).items():
            found.setdefault(name, value)
        for name in _PROXY_VARIABLES:
            proxy = environ.get(name) or environ.get(name.lower())
            if proxy:
                found[name] = found[name.lower()] = proxy
        ports: set[int] = set()
        found = {name: _reachable(value, ports) for name, value in found.items()}
        if ports and any(name.startswith("PIP_") for name in found):
            found["PIP_TRUSTED_HOST"] = f"{found.get('PIP_TRUSTED_HOST', '')} {BRIDGE}".strip()
        bundle = _bundle(environ)
        if bundle is not None:
            found |= dict.fromkeys(_CERTIFICATE_VARIABLES, cls.CERTIFICATES)
        return cls(bundle, tuple(found.items()), frozenset(ports))

    @property
    def secrets(self) -> frozenset[bytes]:
        """The passwords, or tokens in their place, of the addresses: no output may show them."""
        words = (word for _name, value in self.variables for word in re.split(r"[\s,|]", value))
        logins = (word.partition("://")[2].partition("/")[0].rpartition("@")[0] for word in words)
        found = (login.partition(":")[2] or login for login in logins)
        return frozenset(
            each.encode("utf-8", "surrogateescape") for word in found for each in {word, unquote(word)} - {""}
        )

    def environment(
        self, env: tuple[tuple[str, str], ...], own_names: tuple[str, ...] = ()
    ) -> tuple[tuple[str, str], ...]:
        """`env` with what it does not set itself. `own_names` are hosts that no proxy knows, such as services."""
        given = dict(env)
        for name in _PROXY_VARIABLES:
            # Programs differ in the case that they read: a container that sets one means both.
            for one, other in ((name, name.lower()), (name.lower(), name)):
                if one in given:
                    given.setdefault(other, given[one])
        added = {name: value for name, value in self.variables if name not in given}
        if any(name.endswith(("_proxy", "_PROXY")) for name in added):
            for name in {"NO_PROXY", "no_proxy"} - set(given):
                added[name] = ",".join(filter(None, (added.get(name), "localhost,127.0.0.1", *own_names)))
        return (*given.items(), *added.items())


def _bundle(environ: Mapping[str, str]) -> Path | None:
    for name in _CERTIFICATE_VARIABLES:
        if environ.get(name) and (file := Path(environ[name])).is_file():
            return file.resolve()
    return None


def _pip_settings(files: tuple[Path, ...]) -> dict[str, str]:
    parser = configparser.RawConfigParser()
    try:
        parser.read([file.expanduser() for file in files])
    except (configparser.Error, OSError, UnicodeDecodeError, RuntimeError):
        return {}
    if not parser.has_section("global"):
        return {}
    return {
        variable: " ".join(parser.get("global", option).split())
        for option, variable in _PIP_SETTINGS.items()
        if parser.has_option("global", option)
    }


def _reachable(value: str, ports: set[int]) -> str:
    words = [_rewritten(word, ports) for word in value.split(" ")]
    return " ".join(words)


def _rewritten(url: str, ports: set[int]) -> str:
    head, separator, rest = url.partition("://")
    if not separator:
        return url
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return url
    if not parts.hostname or not parts.hostname.startswith(_LOOPBACK):
        return url
    number = port or _DEFAULT_PORTS.get(parts.scheme, 0)
    if not number:
        return url
    ports.add(number)
    authority, slash, path = rest.partition("/")
    credentials, at, _host = authority.rpartition("@")
    return f"{head}://{credentials}{at}{BRIDGE}:{number}{slash}{path}"
