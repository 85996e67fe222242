"""A token service as registries have them: a login gets a token that is good for one scope."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Answer:
    """What is answered; `length` where the head says another one than the body has."""

    status: int
    headers: dict[str, str]
    body: bytes = b"{}"
    length: int | None = None


@dataclass(frozen=True)
class Tokens:
    """Gives tokens to whoever logs in as `user:password`. A token is its scope."""

    login: str

    def answer(self, host: str, method: str, path: str, authorization: str) -> Answer | None:
        """What a request gets instead of the registry's answer; None if it may pass."""
        if path.startswith("/token"):
            return self._give(path, authorization)
        scope = _scope_of(method, path)
        if authorization in {f"Bearer {scope}", f"Bearer {scope.removesuffix(':pull')}:pull,push"}:
            return None
        challenge = f'Bearer realm="http://{host}/token",service="test",scope="{scope}"'
        return Answer(401, {"WWW-Authenticate": challenge})

    def _give(self, path: str, authorization: str) -> Answer:
        if authorization != "Basic " + base64.b64encode(self.login.encode()).decode():
            return Answer(401, {})
        (scope,) = parse_qs(urlsplit(path).query)["scope"]
        return Answer(200, {}, json.dumps({"token": scope}).encode())


def _scope_of(method: str, path: str) -> str:
    match = re.match(r"/v2/(.+?)/(?:blobs|manifests)/", path)
    actions = "pull" if method in {"GET", "HEAD"} else "pull,push"
    return f"repository:{match[1] if match else ''}:{actions}"
