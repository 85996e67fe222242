"""The OCI distribution protocol: manifests and blobs of one repository, asked for and sent, with logins and retries."""

from __future__ import annotations

import asyncio
import hashlib
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urljoin, urlsplit

from embedded_engine.images.auth import Challenge, Credentials
from embedded_engine.images.errors import ImageError, NotFoundError, SilentError, UnreachableError
from embedded_engine.images.reach import is_loopback, unreachable
from embedded_engine.images.settings import Settings
from embedded_engine.store.errors import storage_errors

if TYPE_CHECKING:
    import httpx

MANIFEST_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_LARGEST_DOCUMENT = 8 << 20
_BLOCK = 1 << 20
_ATTEMPTS = 4
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 10.0
_CONNECT_TIMEOUT = 5.0
_BUSY = frozenset({408, 429, 500, 502, 503, 504})
_SYSTEM_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


@dataclass(frozen=True)
class Document:
    """A manifest or another small blob, its digest checked."""

    content: bytes
    media_type: str
    digest: str

    def json(self) -> dict[str, Any]:
        """Its content; an ImageError if it is no JSON object."""
        try:
            value = json.loads(self.content)
        except ValueError as error:
            raise ImageError(f"the registry sent a document that is not JSON ({self.digest})") from error
        if not isinstance(value, dict):
            raise ImageError(f"the registry sent a document that is not an object ({self.digest})")
        return value


class Registry:
    """One repository at one address. Use it as an async context manager."""

    def __init__(
        self, address: str, repository: str, settings: Settings, credentials: Credentials | None = None
    ) -> None:
        self.address = address
        self.repository = repository
        self._settings = settings
        self._credentials = credentials
        self._tokens: dict[str, str] = {}
        self._basic = False

    @property
    def host(self) -> str:
        """The address without its scheme, for messages."""
        return urlsplit(self.address).netloc

    async def __aenter__(self) -> Self:
        import httpx

        if reason := await unreachable(self.address, self._settings.connect_timeout):
            raise SilentError(f"the registry {self.host} cannot be reached ({reason})")
        try:
            self._client = httpx.AsyncClient(
                timeout=httpx.Timeout(self._settings.read_timeout, connect=_CONNECT_TIMEOUT),
                verify=system_trust() if self.address.startswith("https:") else False,
                trust_env=not is_loopback(urlsplit(self.address).hostname or ""),
                follow_redirects=True,
                max_redirects=5,
                headers={"User-Agent": "embedded-engine"},
            )
        except (ImportError, ValueError) as error:
            raise UnreachableError(f"the registry {self.host} cannot be reached (its proxy: {error})") from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    # --- reading ---

    async def manifest(self, selector: str) -> Document:
        """The manifest or index of a tag or a digest."""
        path = f"/v2/{self.repository}/manifests/{selector}"
        async with self._send("GET", path, headers={"Accept": ", ".join(MANIFEST_TYPES)}) as response:
            content = await self._read_small(response)
            media_type = response.headers.get("Content-Type", "").partition(";")[0].strip()
            claimed = response.headers.get("Docker-Content-Digest")
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        expected = selector if selector.startswith("sha256:") else claimed or digest
        if expected.startswith("sha256:") and expected != digest:
            raise ImageError(f"the registry {self.host} sent a manifest with digest {digest} instead of {expected}")
        return Document(content, media_type, digest)

    async def document(self, digest: str, size: int) -> Document:
        """A small blob, such as an image's configuration."""
        if size > _LARGEST_DOCUMENT:
            raise ImageError(f"the blob {digest} of {size} bytes is too large for a document")
        async with self._send("GET", f"/v2/{self.repository}/blobs/{digest}") as response:
            content = await self._read_small(response)
        _check(self.host, digest, size, f"sha256:{hashlib.sha256(content).hexdigest()}", len(content))
        return Document(content, "", digest)

    async def download(self, digest: str, size: int, place: Path) -> None:
        """A blob into a file, its digest and size checked while it comes. A broken connection is tried again."""
        for attempt in range(_ATTEMPTS):
            try:
                return await self._download(digest, size, place)
            except _BrokenError as error:
                if attempt == _ATTEMPTS - 1:
                    raise ImageError(f"the download of {digest} from {self.host} broke off: {error}") from error
                await asyncio.sleep(_FIRST_PAUSE * 2**attempt)
        raise AssertionError("the loop returns or raises")

    async def _download(self, digest: str, size: int, place: Path) -> None:
        import httpx

        hasher, received = hashlib.sha256(), 0
        async with self._send("GET", f"/v2/{self.repository}/blobs/{digest}") as response:
            with storage_errors("download a layer"), place.open("wb") as file:
                try:
                    async for block in response.aiter_raw(_BLOCK):
                        received += len(block)
                        if received > size:
                            break
                        hasher.update(block)
                        await asyncio.to_thread(file.write, block)
                except httpx.TransportError as error:
                    raise _BrokenError(str(error) or type(error).__name__) from error
        if received < size:
            raise _BrokenError(f"{received} of {size} bytes came")
        _check(self.host, digest, size, f"sha256:{hasher.hexdigest()}", received)

    # --- writing ---

    async def has_blob(self, digest: str) -> bool:
        """Whether the repository has a blob already."""
        async with self._send(
            "HEAD", f"/v2/{self.repository}/blobs/{digest}", push=True, accept=(200, 404)
        ) as response:
            return bool(response.status_code == 200)

    async def upload(self, digest: str, size: int, place: Path) -> None:
        """Send a blob unless the repository has it."""
        if await self.has_blob(digest):
            return
        async with self._send("POST", f"/v2/{self.repository}/blobs/uploads/", push=True, accept=(202,)) as response:
            location = urljoin(str(response.request.url), response.headers.get("Location", ""))
        join = "&" if urlsplit(location).query else "?"
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        async with self._send(
            "PUT", f"{location}{join}digest={digest}", push=True, accept=(201,), headers=headers, body=place
        ):
            return

    async def put_manifest(self, selector: str, content: bytes, media_type: str) -> str:
        """Send a manifest under a tag or its digest; return its digest."""
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        path = f"/v2/{self.repository}/manifests/{selector}"
        headers = {"Content-Type": media_type}
        async with self._send("PUT", path, push=True, accept=(200, 201), headers=headers, body=content) as response:
            claimed = response.headers.get("Docker-Content-Digest", digest)
        if claimed.startswith("sha256:") and claimed != digest:
            raise ImageError(f"the registry {self.host} stored the manifest as {claimed} instead of {digest}")
        return digest

    # --- one request ---

    @asynccontextmanager
    async def _send(
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | Path | None = None,
        push: bool = False,
        accept: tuple[int, ...] = (200,),
    ) -> AsyncIterator[httpx.Response]:
        """One request, with a login when it is asked for and again when the registry is busy; the open response."""
        url = target if "://" in target else f"{self.address}{target}"
        scope = f"repository:{self.repository}:{'pull,push' if push else 'pull'}"
        logged_in = False
        attempt = 0
        while True:
            try:
                response = await self._send_once(method, url, dict(headers or {}), body, scope)
            except _TransientError:
                attempt += 1
                if attempt == _ATTEMPTS:
                    raise
                await asyncio.sleep(_FIRST_PAUSE * 2 ** (attempt - 1))
                continue
            if response.status_code in accept:
                break
            await _discard(response)
            if response.status_code == 401 and not logged_in:
                await self._log_in(response.headers.get_list("WWW-Authenticate"), scope)
                logged_in = True
                continue
            attempt += 1
            if response.status_code not in _BUSY or attempt == _ATTEMPTS:
                raise self._refusal(response, url)
            await asyncio.sleep(_pause(response, attempt))
        try:
            yield response
        finally:
            await response.aclose()

    async def _send_once(
        self, method: str, url: str, headers: dict[str, str], body: bytes | Path | None, scope: str
    ) -> httpx.Response:
        """One request as it is; the body of the response is not read yet."""
        import httpx

        if authorization := self._authorization(url, scope):
            headers["Authorization"] = authorization
        content = _blocks(body) if isinstance(body, Path) else body
        try:
            return await self._client.send(
                self._client.build_request(method, url, headers=headers, content=content), stream=True
            )
        except (httpx.TransportError, httpx.TooManyRedirects) as error:
            text = str(error).splitlines()[0] if str(error) else type(error).__name__
            if "CERTIFICATE_VERIFY_FAILED" in text:
                remedy = "its certificate is not trusted: set SSL_CERT_FILE to what signs it"
                raise SilentError(f"the registry {self.host} cannot be reached ({remedy})") from error
            if isinstance(error, httpx.ProxyError):
                raise SilentError(f"the registry {self.host} cannot be reached (its proxy: {text})") from error
            raise _TransientError(f"the registry {self.host} cannot be reached ({text})") from error

    def _authorization(self, url: str, scope: str) -> str | None:
        """The header for a request: only for the registry itself, not for where it sends uploads."""
        if urlsplit(url).netloc != self.host:
            return None
        if self._basic and self._credentials is not None:
            return self._credentials.basic
        return f"Bearer {self._tokens[scope]}" if scope in self._tokens else None

    async def _log_in(self, headers: list[str], scope: str) -> None:
        """Answer a challenge: with the login itself, or with a token that a server gives for it."""
        challenges = {challenge.scheme: challenge for challenge in map(Challenge.parse, headers)}
        if "bearer" in challenges:
            self._tokens[scope] = await self._token(challenges["bearer"].parameters, scope)
        elif "basic" in challenges and self._credentials is not None:
            self._basic = True
        else:
            raise NotFoundError(
                f"the registry {self.host} wants a login for {self.repository}: docker login {self.host}"
            )

    async def _token(self, parameters: Mapping[str, str], scope: str) -> str:
        """A bearer token for a scope, with the login where there is one."""
        import httpx

        realm = urljoin(self.address, parameters.get("realm", ""))
        login = self._credentials
        if login and self.address.startswith("https:") and not realm.startswith("https:"):
            raise ImageError(f"the registry {self.host} wants the login sent unencrypted to {realm}: refused")
        query = {"service": parameters.get("service", ""), "scope": parameters.get("scope") or scope}
        try:
            if login is not None and login.identity_token:
                form = query | {"grant_type": "refresh_token", "refresh_token": login.identity_token, "client_id": "ci"}
                response = await self._client.post(realm, data=form)
            else:
                response = await self._client.get(
                    realm, params=query, headers={"Authorization": login.basic} if login is not None else {}
                )
        except httpx.HTTPError as error:
            raise UnreachableError(f"the token server of {self.host} cannot be reached ({error})") from error
        if response.status_code in _BUSY:
            raise UnreachableError(f"the token server of {self.host} is busy ({response.status_code})")
        try:
            answer = response.json() if response.status_code == 200 else {}
            token = answer.get("token") or answer.get("access_token")
        except (ValueError, AttributeError):
            token = None
        if not token:
            raise NotFoundError(
                f"the registry {self.host} refused the login for {self.repository}: docker login {self.host}"
            )
        return str(token)

    def _refusal(self, response: httpx.Response, url: str) -> ImageError:
        """What a status means to a person."""
        status, what = response.status_code, urlsplit(url).path.removeprefix("/v2/")
        if status == 403 and "json" not in response.headers.get("Content-Type", ""):
            # No registry speaks like this: something on the way does, such as a proxy that lets few hosts pass.
            return SilentError(f"the registry {self.host} cannot be reached (something on the way refuses it: 403)")
        if status in {401, 403}:
            return NotFoundError(
                f"the registry {self.host} refused access to {self.repository}: docker login {self.host}"
            )
        if status == 404:
            return NotFoundError(f"the registry {self.host} does not have {what}")
        if status == 429:
            return UnreachableError(f"the registry {self.host} allows no more requests for now (429)")
        if status in _BUSY:
            return UnreachableError(f"the registry {self.host} fails (status {status})")
        return ImageError(f"the registry {self.host} answered {status} for {what}")

    async def _read_small(self, response: httpx.Response) -> bytes:
        """A whole body, up to a bound."""
        import httpx

        content = b""
        try:
            async for block in response.aiter_bytes(_BLOCK):
                content += block
                if len(content) > _LARGEST_DOCUMENT:
                    raise ImageError(f"the registry {self.host} sent a document larger than {_LARGEST_DOCUMENT} bytes")
        except httpx.HTTPError as error:
            raise UnreachableError(f"the registry {self.host} broke off its answer ({error})") from error
        return content


class _BrokenError(Exception):
    """A download that ended too early."""


class _TransientError(UnreachableError):
    """A connection that came about and then failed: worth another attempt."""


async def _blocks(place: Path) -> AsyncIterator[bytes]:
    """The content of a file, block by block."""
    with place.open("rb") as file:
        while block := await asyncio.to_thread(file.read, _BLOCK):
            yield block


async def _discard(response: httpx.Response) -> None:
    """Read away a short error body, so that the connection can be used again."""
    await response.aclose()


def _check(host: str, digest: str, size: int, found: str, length: int) -> None:
    """Compare what came with what was promised."""
    if length != size:
        raise ImageError(f"the registry {host} sent {length} bytes or more for {digest} instead of {size}")
    if found != digest:
        raise ImageError(f"the registry {host} sent content with digest {found} instead of {digest}")


def _pause(response: httpx.Response, attempt: int) -> float:
    """Seconds to wait: what the registry says, within reason, else longer each time."""
    said = response.headers.get("Retry-After", "")
    return min(float(said) if said.isdecimal() else _FIRST_PAUSE * 2 ** (attempt - 1), _LONGEST_PAUSE)


def system_trust() -> ssl.SSLContext:
    """The certificates of the system, which may know a company's own; `SSL_CERT_FILE` replaces them."""
    context = ssl.create_default_context()
    if not context.cert_store_stats()["x509_ca"] and _SYSTEM_CERTIFICATES.is_file():
        context.load_verify_locations(_SYSTEM_CERTIFICATES)
    return context
