"""The one client of GitHub's REST API: its own host only, bounded in time, patient where repeating is safe."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import anyio
import httpx

from ci.github.access import Bearer, Token, parse_api_url, parse_place, plain_text, same_origin
from ci.github.errors import GitHubError, UncertainError, refusal
from ci.github.retries import SAFE_TO_REPEAT, Patience, asked_pause, is_passing, is_rate_limit, was_not_sent

API_URL: Final = "https://api.github.com"
API_VERSION: Final = "2022-11-28"
PAGE: Final = 100
MOST_PAGES: Final = 100
MOST_REDIRECTS: Final = 5

Body = Mapping[str, Any]


@dataclass(frozen=True)
class GitHub:
    """A repository on GitHub, or on a GitHub Enterprise Server whose `api_url` is `https://HOST/api/v3`."""

    repository: str
    token: Token = field(repr=False)
    api_url: str = API_URL
    patience: Patience = field(default_factory=Patience)

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Api"]:
        """Connect for a few requests."""
        # No proxy of the environment: the token goes to the API's host and nowhere else. A CA of the environment counts.
        url = parse_api_url(self.api_url)
        repository = parse_place(self.repository)
        context = httpx.create_ssl_context() if url.scheme == "https" else False
        async with httpx.AsyncClient(
            headers={"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": API_VERSION, "User-Agent": "ci"},
            auth=Bearer(url, await plain_text(self.token)),
            timeout=self.patience.request,
            trust_env=False,
            verify=context,
        ) as client:
            yield Api(client, url, repository, self.patience)


class Api:
    """An open connection; paths are below the repository, such as `releases`."""

    def __init__(self, client: httpx.AsyncClient, url: httpx.URL, repository: str, patience: Patience) -> None:
        self._client = client
        self._url = url
        self.patience = patience
        self.repository = repository

    @property
    def owner(self) -> str:
        """The account that owns the repository."""
        return self.repository.partition("/")[0]

    async def get(self, path: str, **query: str) -> Any:
        """Read one thing."""
        return _json(await self._send("GET", self._below(path, query)))

    async def find(self, path: str, **query: str) -> Any | None:
        """Read one thing; None when it is not there."""
        try:
            return await self.get(path, **query)
        except GitHubError as error:
            if error.status == httpx.codes.NOT_FOUND:
                return None
            raise

    async def pages(self, path: str, key: str = "", **query: str) -> AsyncIterator[dict[str, Any]]:
        """Read a list to its end, page by page; `key` names the list where it is a part of an object."""
        url: httpx.URL | None = self._below(path, {"per_page": str(PAGE), **query})
        for _ in range(MOST_PAGES):
            if url is None:
                return
            response = await self._send("GET", url)
            body = _json(response)
            for each in body[key] if key else body:
                yield each
            following = response.links.get("next", {}).get("url")
            url = _joined(response.url, following) if following else None
        raise GitHubError(f"GET {path} has more than {MOST_PAGES} pages of {PAGE}: that is more than is read")

    async def change(self, path: str, body: Body) -> Any:
        """Set fields of one thing."""
        return _json(await self._send("PATCH", self._below(path), body))

    async def delete(self, path: str) -> None:
        """Remove one thing; one that is gone already is no error."""
        try:
            await self._send("DELETE", self._below(path))
        except GitHubError as error:
            if error.status != httpx.codes.NOT_FOUND:
                raise

    async def create(self, path: str, body: Body, made: Callable[[], Awaitable[dict[str, Any] | None]]) -> Any:
        """Make one thing, once: where it is not known whether a request made it, `made` looks before another is sent."""
        attempt = 1
        while True:
            try:
                return _json(await self._send("POST", self._below(path), body))
            except UncertainError:
                await anyio.sleep(self.patience.pause(attempt))
                if (found := await made()) is not None:
                    return found
                if attempt >= self.patience.attempts:
                    raise
                attempt += 1

    def _below(self, path: str, query: Mapping[str, str] | None = None) -> httpx.URL:
        url = self._url.copy_with(path=f"{self._url.path.rstrip('/')}/repos/{self.repository}/{path}")
        return url.copy_merge_params(query) if query else url

    async def _send(self, method: str, url: httpx.URL, body: Body | None = None) -> httpx.Response:
        request = self._client.build_request(method, url, json=body)
        try:
            with anyio.fail_after(self.patience.whole):
                response = await self._followed(request)
        except TimeoutError:
            raise _unanswered(request, f"no answer within {self.patience.whole:g} s") from None
        if response.is_success:
            return response
        raise refusal(request, response)

    async def _followed(self, request: httpx.Request) -> httpx.Response:
        """Send a request and follow where it is redirected to on the same host, as for a repository that was renamed."""
        for _ in range(MOST_REDIRECTS):
            response = await self._patiently(request)
            following = response.next_request
            if following is None:
                return response
            if not same_origin(following.url, self._url):
                raise GitHubError(f"{request.method} {request.url.path} is redirected to another host: not followed")
            if following.method != request.method:
                raise GitHubError(f"{self.repository} has moved on GitHub: give the name that it has now")
            request = following
        raise GitHubError(f"{request.method} {request.url.path} is redirected more than {MOST_REDIRECTS} times")

    async def _patiently(self, request: httpx.Request) -> httpx.Response:
        """Send a request, again where that is safe and promises something."""
        attempt = 1
        while True:
            is_last = attempt >= self.patience.attempts
            try:
                response = await self._client.send(request)
            except httpx.RequestError as error:
                if is_last or not (was_not_sent(error) or request.method in SAFE_TO_REPEAT):
                    raise _unanswered(request, _reason(error), sent=not was_not_sent(error)) from None
                pause = self.patience.pause(attempt)
            else:
                wait = self._wait(request, response, attempt)
                if wait is None or is_last:
                    return response
                pause = wait
            await anyio.sleep(pause)
            attempt += 1

    def _wait(self, request: httpx.Request, response: httpx.Response, attempt: int) -> float | None:
        """Say how long to wait before a request is repeated; None when its answer is final."""
        if is_rate_limit(response):
            asked = asked_pause(response)
            if asked is not None and asked > self.patience.longest_pause:
                raise GitHubError(
                    f"GitHub's rate limit is used up for another {asked:.0f} s: run this again then",
                    response.status_code,
                )
            return self.patience.limited_pause(attempt) if asked is None else asked
        if not is_passing(response):
            return None
        if request.method not in SAFE_TO_REPEAT:
            raise UncertainError(str(refusal(request, response)), response.status_code)
        return self.patience.pause(attempt)


def _joined(url: httpx.URL, following: str) -> httpx.URL:
    try:
        return url.join(following)
    except httpx.InvalidURL:
        raise GitHubError("GitHub's answer names a next page that is no URL: is the API's URL right?") from None


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        raise GitHubError(
            f"GitHub's answer to {response.request.method} {response.request.url.path} is no JSON: is the API's URL right?"
        ) from None


def _unanswered(request: httpx.Request, reason: str, *, sent: bool = True) -> GitHubError:
    kind = GitHubError if request.method in SAFE_TO_REPEAT or not sent else UncertainError
    return kind(f"GitHub could not be asked ({request.method} {request.url}): {reason}; run this again later")


def _reason(error: httpx.RequestError) -> str:
    return str(error) or type(error).__name__
