"""What a machine says about images: mirrors, plain-HTTP registries, recipes of its own.

Read from `$XDG_CONFIG_HOME/ci-engine/config.toml`, then from the environment, which wins:

    [images]
    recipes = ["recipes.toml"]             # CI_ENGINE_RECIPES, separated by `:`
    debian-mirror = "http://host/debian"   # CI_ENGINE_DEBIAN_MIRROR
    offline = false                        # CI_ENGINE_OFFLINE=1: no registry is asked

    [registries."docker.io"]
    mirrors = ["https://mirror"]           # CI_ENGINE_MIRRORS=docker.io=https://mirror,...
    plain-http = false                     # CI_ENGINE_PLAIN_HTTP=host:port,...
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from embedded_engine.images.errors import ImageError
from embedded_engine.images.reference import DEFAULT_REGISTRY

# The host that speaks the protocol for Docker Hub.
_HUB = "registry-1.docker.io"
_TRUE = {"1", "true", "yes", "on"}


@dataclass(frozen=True)
class Settings:
    """Where images come from. Times are seconds."""

    mirrors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    plain_http: frozenset[str] = frozenset()
    recipes: tuple[Path, ...] = ()
    debian_mirror: str | None = None
    offline: bool = False
    connect_timeout: float = 1.5
    read_timeout: float = 30.0
    lifetime: float = 3600.0
    reached: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read the configuration file and the environment."""
        environment = os.environ if environment is None else environment
        home = environment.get("XDG_CONFIG_HOME") or str(Path(environment.get("HOME", "~")).expanduser() / ".config")
        path = Path(home) / "ci-engine" / "config.toml"
        try:
            document = tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
            return cls._of(document, path.parent, environment)
        except OSError as error:
            raise ImageError(f"cannot read {path}: {error.strerror}") from error
        except (AttributeError, TypeError, ValueError) as error:
            raise ImageError(f"{path} is not valid: {error}") from error

    @classmethod
    def _of(cls, document: Mapping[str, Any], folder: Path, environment: Mapping[str, str]) -> Self:
        """Join what the document and the environment say."""
        images, registries = document.get("images", {}), document.get("registries", {})
        mirrors = {name: tuple(row.get("mirrors", ())) for name, row in registries.items()}
        for entry in _split(environment.get("CI_ENGINE_MIRRORS", "")):
            name, _, url = entry.partition("=")
            mirrors[name] = (*mirrors.get(name, ()), url)
        plain_http = {name for name, row in registries.items() if row.get("plain-http")}
        recipes = [folder / name for name in images.get("recipes", [])]
        own = environment.get("CI_ENGINE_RECIPES", "")
        offline = environment.get("CI_ENGINE_OFFLINE")
        return cls(
            mirrors=mirrors,
            plain_http=frozenset(plain_http | set(_split(environment.get("CI_ENGINE_PLAIN_HTTP", "")))),
            recipes=tuple(Path(name) for name in own.split(os.pathsep) if name) + tuple(recipes),
            debian_mirror=environment.get("CI_ENGINE_DEBIAN_MIRROR") or images.get("debian-mirror"),
            offline=offline.lower() in _TRUE if offline is not None else bool(images.get("offline", False)),
        )

    def endpoints(self, registry: str) -> tuple[str, ...]:
        """The addresses (`scheme://host[:port]`) to ask for a registry's images: its mirrors, then itself."""
        if registry in self.reached:
            return (self.reached[registry],)
        host = _HUB if registry == DEFAULT_REGISTRY else registry
        return (*(self._address(mirror) for mirror in self.mirrors.get(registry, ())), self._address(host))

    def reaching(self, registry: str, address: str) -> Self:
        """The same, but a registry is at this address and nowhere else: it runs as a service."""
        return replace(self, reached={**self.reached, registry: address})

    def _address(self, host: str) -> str:
        """A host with its scheme: plain HTTP only on loopback and where it is configured."""
        if "://" in host:
            return host.rstrip("/")
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        loopback = name in {"localhost", "[::1]"} or name.startswith("127.")
        return f"{'http' if loopback or host in self.plain_http else 'https'}://{host}"


def _split(text: str) -> list[str]:
    """Words between commas."""
    return [word.strip() for word in text.split(",") if word.strip()]
