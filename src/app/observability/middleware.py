"""What surrounds every request: its id, its line in the log, its metrics, and an answer when the code fails."""

import logging
import re
import time
from collections.abc import Callable
from typing import Final
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.observability.logs import request_id
from app.observability.metrics import Metrics

REQUEST_ID_HEADER: Final = "X-Request-ID"

_logger = logging.getLogger("app.requests")
_access = logging.getLogger("app.access")

# An id from outside goes into logs and headers: nothing but what an id needs.
_ACCEPTED_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_UNMATCHED: Final = "unmatched"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Asked every few seconds by machines.
_PROBES: Final = frozenset({"/health", "/ready", "/metrics"})


class RequestIdMiddleware:
    """Gives every request an id, the client's own where it is usable, and returns it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(REQUEST_ID_HEADER, "")
        current = given if _ACCEPTED_ID.fullmatch(given) else uuid4().hex

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[REQUEST_ID_HEADER] = current
            await send(message)

        token = request_id.set(current)
        try:
            await self._app(scope, receive, send_with_id)
        finally:
            request_id.reset(token)


class ObservationMiddleware:
    """Measures and logs every request; a failure of the code is logged with its traceback and told as `failure`."""

    def __init__(
        self, app: ASGIApp, *, metrics: Metrics, failure: ASGIApp, template: Callable[[Scope], str | None]
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._failure = failure
        self._template = template

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status: int | None = None

        async def send_and_note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        started = time.perf_counter()
        with self._metrics.requests_in_progress.track_inprogress():
            try:
                await self._app(scope, receive, send_and_note_status)
            except Exception:
                _logger.exception("a request failed")
                if status is not None:
                    # Half an answer is out: only a broken connection tells the client.
                    raise
                await self._failure(scope, receive, send_and_note_status)
            finally:
                self._observe(scope, status or 500, time.perf_counter() - started)

    def _observe(self, scope: Scope, status: int, seconds: float) -> None:
        route = self._template(scope) or _UNMATCHED
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._metrics.request(method=method, route=route, status=status, seconds=seconds)
        _access.log(
            logging.DEBUG if route in _PROBES else logging.INFO,
            "request",
            extra={
                "method": scope["method"],
                "path": scope["path"],
                "status": status,
                "milliseconds": round(seconds * 1000, 1),
                "client": scope["client"][0] if scope["client"] else None,
            },
        )
