"""Logins: what Docker's configuration file and its credential helpers know, and what a registry's challenge asks for."""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from embedded_engine.images.errors import ImageError
from embedded_engine.images.reference import DEFAULT_REGISTRY

_HUB_KEY = "https://index.docker.io/v1/"
_TOKEN_USER = "<token>"  # noqa: S105 - the name by which helpers say that the secret is a token
_HELPER = re.compile(r"[A-Za-z0-9_.-]+")
_PARAMETER = re.compile(r'([A-Za-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_HELPER_TIMEOUT = 20.0


@dataclass(frozen=True)
class Credentials:
    """A login. Either a user and a password, or an identity token. Never shown."""

    username: str
    password: str = field(repr=False)
    identity_token: str = field(default="", repr=False)

    @property
    def basic(self) -> str:
        """The value of a Basic `Authorization` header."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


@dataclass(frozen=True)
class Challenge:
    """What a registry answers to a request without a login: a scheme in lower case and its parameters."""

    scheme: str
    parameters: Mapping[str, str]

    @classmethod
    def parse(cls, header: str) -> Challenge:
        """Read a `WWW-Authenticate` header."""
        scheme, _, rest = header.strip().partition(" ")
        found = {
            match[1].lower(): match[2] if match[2] is not None else match[3] for match in _PARAMETER.finditer(rest)
        }
        return cls(scheme.lower(), found)


def find_credentials(registry: str, environment: Mapping[str, str] | None = None) -> Credentials | None:
    """The login for a registry, from `$DOCKER_CONFIG/config.json` or `~/.docker/config.json`. Blocks for helpers."""
    environment = os.environ if environment is None else environment
    folder = environment.get("DOCKER_CONFIG") or str(Path(environment.get("HOME", "/")) / ".docker")
    path = Path(folder) / "config.json"
    try:
        document = json.loads(path.read_bytes())
        auths = document.get("auths") or {}
        helpers = document.get("credHelpers") or {}
        store = document.get("credsStore")
        names = _names(registry)
        for name in names:
            if helper := helpers.get(name):
                return _ask_helper(helper, name, environment)
        for name in names:
            if found := _read_entry(auths.get(name)):
                return found
        if store:
            return next((found for name in names if (found := _ask_helper(store, name, environment))), None)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise ImageError(f"cannot read the logins in {path}: {error}") from error
    return None


def _names(registry: str) -> list[str]:
    """The names under which a registry's login may be kept."""
    if registry == DEFAULT_REGISTRY:
        return [_HUB_KEY, "index.docker.io", "docker.io", "https://index.docker.io/v1"]
    forms = ("", "/v1/", "/v2/", "/v1", "/v2", "/")
    return [f"{scheme}{registry}{form}" for scheme in ("", "https://", "http://") for form in forms]


def _read_entry(entry: Mapping[str, Any] | None) -> Credentials | None:
    """One entry of `auths`; one without a secret only says that a helper has it."""
    if not entry:
        return None
    token = entry.get("identitytoken") or ""
    username, password = entry.get("username") or "", entry.get("password") or ""
    if auth := entry.get("auth"):
        try:
            username, _, password = base64.b64decode(auth, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise ValueError("an entry's auth is not base64 of user:password") from error
    if not (token or username):
        return None
    return Credentials(username, password.rstrip("\0"), token)


def _ask_helper(helper: str, name: str, environment: Mapping[str, str]) -> Credentials | None:
    """Run `docker-credential-<helper> get`; one that does not know the registry, or is not there, gives none."""
    if not _HELPER.fullmatch(helper):
        raise ValueError(f"{helper!r} is not the name of a credential helper")
    try:
        done = subprocess.run(
            [f"docker-credential-{helper}", "get"],
            input=name,
            capture_output=True,
            text=True,
            timeout=_HELPER_TIMEOUT,
            env=dict(environment),
            check=False,
        )
    except FileNotFoundError:
        return None
    except subprocess.TimeoutExpired:
        raise ValueError(f"docker-credential-{helper} gave no answer in {_HELPER_TIMEOUT:.0f} s") from None
    if done.returncode:
        return None
    answer = json.loads(done.stdout)
    if answer["Username"] == _TOKEN_USER:
        return Credentials("", "", answer["Secret"])
    return Credentials(answer["Username"], answer["Secret"])
