"""When a request to GitHub is repeated, and how long to wait before."""

import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import httpx

SAFE_TO_REPEAT: Final = frozenset({"GET", "HEAD", "PUT", "PATCH", "DELETE"})
"""Methods that leave the same behind when they are carried out twice, as this project uses them."""

_PASSING: Final = frozenset({500, 502, 503, 504})


@dataclass(frozen=True)
class Patience:
    """How much is waited for GitHub; all times in seconds."""

    attempts: int = 5
    first_pause: float = 1.0
    """It doubles with every attempt."""
    limited: float = 60.0
    """The same, where GitHub asks to slow down and does not say for how long; it wants a minute at least."""
    longest_pause: float = 90.0
    """What GitHub asks to wait beyond this is not waited for."""
    request: float = 30.0
    """For any step of one request: to connect, to send, to receive."""
    whole: float = 300.0
    """For one request with its repetitions."""

    def pause(self, attempt: int) -> float:
        """How long to wait after the attempt of this number, the first being 1."""
        return self._doubled(self.first_pause, attempt)

    def limited_pause(self, attempt: int) -> float:
        """How long to wait after such an attempt when GitHub asked to slow down."""
        return self._doubled(self.limited, attempt)

    def _doubled(self, first: float, attempt: int) -> float:
        return min(first * 2.0 ** (attempt - 1), self.longest_pause)


def is_rate_limit(response: httpx.Response) -> bool:
    """Whether GitHub asks to slow down; then nothing was carried out. It says so with 429, or with 403 and a sign."""
    if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        return True
    if response.status_code != HTTPStatus.FORBIDDEN:
        return False
    signs = ("retry-after" in response.headers, response.headers.get("x-ratelimit-remaining") == "0")
    return any(signs) or "rate limit" in response.text[:1000].lower()


def asked_pause(response: httpx.Response, now: float | None = None) -> float | None:
    """Read how many seconds GitHub asks to wait; None when it does not say."""
    try:
        if "retry-after" in response.headers:
            return max(0.0, float(response.headers["retry-after"]))
        if response.headers.get("x-ratelimit-remaining") == "0":
            reset = float(response.headers["x-ratelimit-reset"])
            # One more second, because the two clocks differ.
            return max(0.0, reset - (time.time() if now is None else now)) + 1.0
    except (KeyError, ValueError):
        return None
    return None


def is_passing(response: httpx.Response) -> bool:
    """Whether the answer is a trouble of GitHub's own that passes by itself."""
    return response.status_code in _PASSING


def was_not_sent(error: httpx.RequestError) -> bool:
    """Whether a failure came before anything was sent, so that any method may be repeated."""
    return isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout))
