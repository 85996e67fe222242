"""Files from the web into the store. One that the server says has not changed is not downloaded again."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from embedded_engine.errors import EngineError
from embedded_engine.images.reach import is_loopback
from embedded_engine.logins import split_login
from embedded_engine.store.errors import storage_errors

if TYPE_CHECKING:
    import httpx

    from embedded_engine.store import Store

TIMEOUT_SECONDS = 30.0
BLOCK_BYTES = 1 << 20


class DownloadError(EngineError):
    """A file that cannot be had, or is not the one that was expected."""


@dataclass(frozen=True)
class Downloaded:
    """A file that is a blob of the store now; `modified` is in seconds since 1970, 0 where the server does not say."""

    digest: str
    modified: int


async def download(
    store: Store, url: str, *, checksum: str = "", authorization: str = "", host: str = "", remember: bool = True
) -> Downloaded:
    """Get a file. `checksum` is `sha256:...`; `host` is sent in place of the URL's.

    What was sent with an `authorization` is not remembered: another login may see another file.
    """
    if checksum and not (checksum.startswith("sha256:") and len(checksum) == 71):
        raise DownloadError(f"invalid checksum {checksum!r}: give sha256: and 64 hexadecimal digits")
    remember = remember and not authorization
    key = f"http:{hashlib.sha256(url.encode()).hexdigest()}"
    async with store.lock(key):
        known = store.results.get(key) if remember else None
        if known is not None and not store.blobs.has(known["digest"]):
            known = None
        headers = {"Accept-Encoding": "identity"} | _conditions(known)
        headers |= {name: value for name, value in (("Authorization", authorization), ("Host", host)) if value}
        found = await _get(store, url, headers, known)
        if checksum and found["digest"] != checksum:
            raise DownloadError(f"http checksum mismatch: expected {checksum}, got {found['digest']}")
        if remember:
            store.results.put(key, found, ())
    return Downloaded(found["digest"], found["modified"])


async def _get(store: Store, url: str, headers: dict[str, str], known: dict[str, Any] | None) -> dict[str, Any]:
    """The record of the file: the known one where the server says that it is still right."""
    import httpx

    from embedded_engine.images.registry import system_trust

    shown = split_login(url)[0]
    loopback = is_loopback(urlsplit(url).hostname or "")
    try:
        async with (
            httpx.AsyncClient(
                timeout=TIMEOUT_SECONDS,
                follow_redirects=True,
                trust_env=not loopback,
                verify=system_trust() if url.startswith("https:") else False,
            ) as client,
            client.stream("GET", url, headers=headers) as response,
        ):
            if response.status_code == httpx.codes.NOT_MODIFIED and known is not None:
                return known
            if response.status_code != httpx.codes.OK:
                raise DownloadError(f"{shown}: invalid response status {response.status_code} {response.reason_phrase}")
            digest = await _keep(store, response)
            return {
                "digest": digest,
                "etag": response.headers.get("ETag", ""),
                "last_modified": response.headers.get("Last-Modified", ""),
                "modified": _seconds(response.headers.get("Last-Modified", "")),
            }
    except httpx.HTTPError as error:
        raise DownloadError(f"{shown}: {str(error) or type(error).__name__}") from None


async def _keep(store: Store, response: httpx.Response) -> str:
    """The body as a blob, streamed through a file."""
    with storage_errors("keep a download"), tempfile.NamedTemporaryFile(dir=store.scratch(), delete=False) as file:
        async for block in response.aiter_raw(BLOCK_BYTES):
            await asyncio.to_thread(file.write, block)
    return f"sha256:{await asyncio.to_thread(store.blobs.add, Path(file.name))}"


def _conditions(known: dict[str, Any] | None) -> dict[str, str]:
    if known is None:
        return {}
    if known["etag"]:
        return {"If-None-Match": known["etag"]}
    return {"If-Modified-Since": known["last_modified"]} if known["last_modified"] else {}


def _seconds(date: str) -> int:
    try:
        return max(int(parsedate_to_datetime(date).timestamp()), 0)
    except ValueError:
        return 0
