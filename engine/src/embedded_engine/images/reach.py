"""Whether a host answers at all, found out quickly: a machine without a network must not wait for its registries."""

from __future__ import annotations

import asyncio
import socket
import threading
import urllib.request
from contextlib import suppress
from urllib.parse import urlsplit


async def unreachable(address: str, timeout: float) -> str | None:  # noqa: ASYNC109 - it bounds a thread
    """Why no connection to `scheme://host[:port]` comes about within `timeout` seconds; None if one does.

    Where a proxy is configured for the address, the proxy is what must answer.
    """
    parts = urlsplit(_proxy(address) or address)
    host, port = parts.hostname or "", parts.port or {"http": 80, "https": 443}.get(parts.scheme, 1080)
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[str | None] = loop.create_future()

    def settle(reason: str | None) -> None:
        if not answer.done():
            answer.set_result(reason)

    def connect() -> None:
        reason = None
        try:
            socket.create_connection((host, port), timeout=timeout).close()
        except socket.gaierror:
            reason = "its name is unknown here"
        except TimeoutError:
            reason = "it does not answer"
        except (OSError, UnicodeError) as error:
            reason = (getattr(error, "strerror", None) or str(error)).lower()
        with suppress(RuntimeError):
            # The loop may be closed when the answer comes late.
            loop.call_soon_threadsafe(settle, reason)

    # A thread of its own that nobody waits for: a resolver may take far longer than the timeout.
    threading.Thread(target=connect, name="reach", daemon=True).start()
    try:
        return await asyncio.wait_for(answer, timeout)
    except TimeoutError:
        return "it does not answer"


def is_loopback(host: str) -> bool:
    """Whether a host's name or address means this machine, which no proxy stands for."""
    return host in {"localhost", "::1"} or host.startswith("127.")


def _proxy(address: str) -> str | None:
    """The proxy that the environment names for an address."""
    parts = urlsplit(address)
    proxies = urllib.request.getproxies_environment()
    if is_loopback(parts.hostname or "") or urllib.request.proxy_bypass(parts.netloc):
        return None
    return proxies.get(parts.scheme) or proxies.get("all")
