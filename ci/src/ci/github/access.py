"""Where the token may go, and what is let into a URL."""

import re
from collections.abc import Generator
from typing import Final, Protocol

import httpx

from ci.errors import PipelineError
from ci.github.errors import GitHubError
from ci.policy.errors import PolicyError
from ci.policy.refs import parse_repository

_TOKEN: Final = re.compile(r"[\x21-\x7e]+")
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class Token(Protocol):
    """Where the token comes from; `dagger.Secret` is one."""

    async def plaintext(self) -> str:
        """Give the token; it is asked for when a connection is opened, and kept nowhere else."""
        ...


class Bearer(httpx.Auth):
    """Puts the token into requests to the API's own origin, and into no other."""

    def __init__(self, url: httpx.URL, token: str) -> None:
        self._url = url
        self._header = f"Bearer {token}"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if not same_origin(request.url, self._url):
            raise GitHubError(f"a request to {request.url.host} is refused: it is not the API's host {self._url.host}")
        request.headers["Authorization"] = self._header
        yield request


def same_origin(one: httpx.URL, other: httpx.URL) -> bool:
    """Whether two URLs lead to the same server.

    >>> same_origin(httpx.URL("https://api.github.com/a"), httpx.URL("https://api.github.com:443/b"))
    True
    """
    return (one.scheme, one.host, one.port) == (other.scheme, other.host, other.port)


def parse_api_url(text: str) -> httpx.URL:
    """Read the URL of the API: encrypted, or on this machine."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        url = httpx.URL("")
    is_plain_and_local = url.scheme == "http" and url.host in _LOOPBACK
    if not url.host or url.userinfo or url.query or not (url.scheme == "https" or is_plain_and_local):
        raise PipelineError(
            "the API's URL is refused: expected https://HOST without a login, for a token is sent to it"
        )
    return url


def parse_place(text: str) -> str:
    """Read `owner/name` of a repository, which becomes a part of every path."""
    try:
        return parse_repository(text)
    except PolicyError as error:
        raise PipelineError(str(error)) from None


async def plain_text(token: Token) -> str:
    """Read the token; what cannot be sent in a header is refused here, where no message repeats it."""
    text = (await token.plaintext()).strip()
    if not _TOKEN.fullmatch(text):
        raise PipelineError("the token is empty or has blanks in it: give it as a secret, such as env:GITHUB_TOKEN")
    return text
