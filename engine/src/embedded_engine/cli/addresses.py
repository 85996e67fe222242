"""Words that name objects (a path, an image, a secret's place) made into objects of the API, by its own calls."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from embedded_engine.api.definitions import FunctionArg
from embedded_engine.cli.errors import UsageError
from embedded_engine.cli.flags import Reference

Ask = Callable[[str], Awaitable[Mapping[str, Any]]]
"""Sends a query to the session's API and answers with its data."""

_GIT_URL = re.compile(
    r"^(?:(?:https?|ssh|git)://\S+|[\w.-]+@[\w.-]+:\S+|(?:github|gitlab)\.com/\S+|bitbucket\.org/\S+)$"
)


class Addresses:
    """Makes objects. Relative paths begin at `workdir`, where the command was given."""

    def __init__(self, ask: Ask, workdir: Path) -> None:
        self._ask = ask
        self._workdir = workdir

    async def load(self, flag: str, arg: FunctionArg, reference: Reference) -> str:
        """The id of the object that a word names."""
        path = self._chain(flag, arg, reference)
        return await self.select(*path, "id")

    async def select(self, *fields: str) -> str:
        """Follow fields from the root of the API and answer with what the last one has."""
        answer: Any = await self._ask(f"{{ {' { '.join(fields)} {'} ' * len(fields)}")
        for field in fields:
            answer = answer[field.partition("(")[0]]
        return str(answer)

    def local(self, address: str) -> Path:
        """An absolute path of this machine; `file://` may precede it, `~` is the home directory."""
        return Path(os.path.abspath(self._workdir / Path(address.removeprefix("file://")).expanduser()))  # noqa: PTH100 - a link is not followed

    def _chain(self, flag: str, arg: FunctionArg, reference: Reference) -> list[str]:
        address = reference.address
        match reference.kind:
            case "Container":
                return ["container", f"from(address: {json.dumps(address)})"]
            case "Directory" if _GIT_URL.match(address):
                return _in_git(address, "directory")
            case "Directory":
                return ["host", directory_field(self.local(address), arg.ignore)]
            case "File" if _GIT_URL.match(address):
                return _in_git(address, "file")
            case "File":
                return ["host", f"file(path: {json.dumps(str(self.local(address)))})"]
            case "Secret":
                return [f"secret(uri: {json.dumps(self._secret(address))})"]
            case "CacheVolume":
                return [f"cacheVolume(key: {json.dumps(address)})"]
            case "Service":
                return ["host", _service_field(flag, address)]
            case "Socket":
                return ["host", f"unixSocket(path: {json.dumps(str(self.local(address.removeprefix('unix://'))))})"]
            case "GitRepository":
                return self._repository(address)
            case _:
                place, _, ref = address.partition("#")
                return [*self._repository(place), f"ref(name: {json.dumps(ref)})" if ref else "head"]

    def _repository(self, address: str) -> list[str]:
        if _GIT_URL.match(address):
            return [f"git(url: {json.dumps(address)})"]
        return ["host", directory_field(self.local(address)), "asGit"]

    def _secret(self, address: str) -> str:
        """A secret's place as a URI; the older `env:NAME` and a bare variable's name are accepted."""
        scheme, separator, rest = address.partition(":")
        if not separator:
            scheme, rest = "env", address
        rest = rest.removeprefix("//")
        return f"{scheme}://{self.local(rest) if scheme == 'file' else rest}"


def directory_field(path: Path, exclude: tuple[str, ...] = (), *, gitignore: bool = False) -> str:
    """The field of `host` for a directory without what the patterns exclude."""
    excluded = f", exclude: {json.dumps(list(exclude))}" if exclude else ""
    return f"directory(path: {json.dumps(str(path))}{excluded}{', gitignore: true' if gitignore else ''})"


def _in_git(address: str, kind: str) -> list[str]:
    """A directory or file of a repository: `URL#ref:path`."""
    url, _, fragment = address.partition("#")
    ref, _, path = fragment.partition(":")
    fields = [f"git(url: {json.dumps(url)})", f"ref(name: {json.dumps(ref)})" if ref else "head", "tree"]
    return [*fields, f"{kind}(path: {json.dumps(path)})"] if path or kind == "file" else fields


def _service_field(flag: str, address: str) -> str:
    protocol, separator, rest = address.partition("://")
    if not separator:
        protocol, rest = "tcp", address
    host, _, port = rest.rpartition(":")
    if protocol not in ("tcp", "udp") or not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise UsageError(f"{flag} takes the address of a service, such as tcp://localhost:8000, not {address!r}")
    forward = f"{{frontend: {port}, backend: {port}, protocol: {protocol.upper()}}}"
    return f"service(host: {json.dumps(host)}, ports: [{forward}])"
