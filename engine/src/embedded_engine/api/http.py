"""Query.http: a file from the web, asked again each time and downloaded again only when it changed."""

from __future__ import annotations

import posixpath
from typing import Any
from urllib.parse import unquote, urlsplit

from embedded_engine.api.values import SCRATCH, FileValue, SecretValue, ServiceValue
from embedded_engine.binding import RequestContext, field
from embedded_engine.downloads import download
from embedded_engine.errors import EngineError
from embedded_engine.graph import Patch
from embedded_engine.graph.blobs import BlobFile
from embedded_engine.service_access import tunnelled

DEFAULT_PERMISSIONS = 0o600


@field("Query", "http")
async def http(
    ctx: RequestContext,
    self: object,
    *,
    url: str,
    name: str | None = None,
    permissions: int = DEFAULT_PERMISSIONS,
    checksum: str | None = None,
    auth_header: SecretValue | None = None,
    experimental_service_host: ServiceValue | None = None,
) -> FileValue:
    graph = ctx.engine.graph
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise EngineError(f"http: {url!r} is no http or https URL")
    path = posixpath.join("/", _file_name(name, parts.path))
    options: dict[str, Any] = {"checksum": checksum or ""}
    if auth_header is not None:
        value = await graph.secrets.value(auth_header.secret)
        options["authorization"] = value.decode("utf-8", "surrogateescape").strip()
    bound = experimental_service_host
    service = bound.contained if bound is not None else graph.services.named(parts.hostname)
    if service is None:
        found = await download(graph.store, url, **options)
    else:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        async with tunnelled(graph, service, parts.hostname, port) as address:
            local = parts._replace(netloc=address).geturl()
            found = await download(graph.store, local, host=parts.netloc.rpartition("@")[2], remember=False, **options)
    return FileValue(Patch(SCRATCH, BlobFile(path, found.digest, permissions, found.modified)), path)


def _file_name(name: str | None, path: str) -> str:
    if name is not None and ("/" in name or name in ("", ".", "..")):
        raise EngineError(f"http: {name!r} is no name of a file")
    return name or unquote(posixpath.basename(path.rstrip("/"))).replace("/", "_") or "index"
