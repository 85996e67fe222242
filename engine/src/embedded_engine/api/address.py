"""Address: a word that names an object (a path, a URL, an image, a secret's place), made into it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlencode, urlsplit

from embedded_engine.api import git as git_fields
from embedded_engine.api import host as host_fields
from embedded_engine.api.container_image import from_
from embedded_engine.api.git import GitRefValue, GitRepositoryValue
from embedded_engine.api.host import HostValue
from embedded_engine.api.host_service import service as host_service
from embedded_engine.api.secret import secret as new_secret
from embedded_engine.api.socket import SocketValue, unix_socket
from embedded_engine.api.values import ContainerValue, DirectoryValue, FileValue, SecretValue, ServiceValue
from embedded_engine.binding import RequestContext, attributes, field
from embedded_engine.errors import EngineError

_GIT_URL = re.compile(r"(?:https?|ssh|git)://|[\w.-]+@[\w.-]+:")
_HOST = HostValue()

attributes("Address", "value")


class AddressError(EngineError):
    """A word that does not name what was asked for."""


@dataclass(frozen=True)
class AddressValue:
    """The word."""

    TYPE: ClassVar[str] = "Address"

    value: str

    @property
    def remote(self) -> bool:
        """Whether it is the URL of a git repository."""
        return _GIT_URL.match(self.value) is not None

    @property
    def local(self) -> str:
        """A path of this machine."""
        return self.value.removeprefix("file://")

    def parts(self) -> tuple[str, str, str]:
        """URL, ref and path of `URL#ref:path`."""
        url, _, fragment = self.value.partition("#")
        ref, _, path = fragment.partition(":")
        return url, ref, path


@field("Query", "address")
def address(ctx: RequestContext, self: object, *, value: str) -> AddressValue:
    if not value:
        raise AddressError("resource cannot have empty address")
    return AddressValue(value)


@field("Address", "container")
async def container(ctx: RequestContext, self: AddressValue) -> ContainerValue:
    return await from_(ctx, ContainerValue(), address=self.value)


@field("Address", "directory")
async def directory(ctx: RequestContext, self: AddressValue, **options: Any) -> DirectoryValue:
    if not self.remote:
        return await host_fields.directory(ctx, _HOST, path=self.local, **options)
    path = self.parts()[2]
    tree = git_fields.tree(ctx, await git_ref(ctx, self))
    return DirectoryValue(tree.fs, tree.at(path)) if path else tree


@field("Address", "file")
async def file(ctx: RequestContext, self: AddressValue, **options: Any) -> FileValue:
    if not self.remote:
        return await host_fields.file(ctx, _HOST, path=self.local)
    path = self.parts()[2]
    if not path:
        raise AddressError("no file path specified within git repository")
    tree = git_fields.tree(ctx, await git_ref(ctx, self))
    return FileValue(tree.fs, tree.at(path))


@field("Address", "gitRepository")
async def git_repository(ctx: RequestContext, self: AddressValue) -> GitRepositoryValue:
    _, ref, path = self.parts()
    if ref or path:
        raise AddressError(f"git repository address cannot contain {'ref' if ref else 'subdir'}")
    return await _repository(ctx, self)


@field("Address", "gitRef")
async def git_ref(ctx: RequestContext, self: AddressValue) -> GitRefValue:
    repository = await _repository(ctx, self)
    return git_fields.ref(ctx, repository, name=self.parts()[1] or "HEAD")


@field("Address", "secret")
def secret(ctx: RequestContext, self: AddressValue) -> SecretValue:
    value = self.value if ":" in self.value else f"env://{self.value}"
    scheme, _, rest = value.partition(":")
    place, _, query = rest.removeprefix("//").partition("?")
    options = parse_qs(query)
    key = options.pop("cacheKey", [None])[0]
    left = f"?{urlencode(options, doseq=True)}" if options else ""
    if key is None:
        return new_secret(ctx, None, uri=f"{scheme}://{place}{left}")
    return new_secret(ctx, None, uri=f"{scheme}://{place}{left}", cache_key=key)


@field("Address", "service")
def service(ctx: RequestContext, self: AddressValue) -> ServiceValue:
    parts = urlsplit(self.value)
    if parts.scheme not in ("tcp", "udp"):
        raise AddressError(f"unsupported service address: {parts.scheme!r}. Must be a valid tcp:// or udp:// URL")
    if not parts.hostname or not parts.port:
        raise AddressError(f"a service's address has a host and a port, unlike {self.value!r}")
    forward = {"frontend": parts.port, "backend": parts.port, "protocol": parts.scheme.upper()}
    return host_service(ctx, _HOST, ports=(forward,), host=parts.hostname)


@field("Address", "socket")
def socket(ctx: RequestContext, self: AddressValue) -> SocketValue:
    return unix_socket(ctx, _HOST, path=self.value.removeprefix("unix://"))


async def _repository(ctx: RequestContext, address: AddressValue) -> GitRepositoryValue:
    url = address.parts()[0]
    if address.remote:
        return await git_fields.git(ctx, None, url=url)
    local = await host_fields.directory(ctx, _HOST, path=url.removeprefix("file://"))
    return await git_fields.as_git(ctx, local)
