"""No body larger than the service has a use for is read into memory."""

from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class BodyLimitMiddleware:
    """Stops a body that is too large where a route reads it, so that the refusal becomes a problem like any other."""

    def __init__(self, app: ASGIApp, *, largest: int) -> None:
        self._app = app
        self._largest = largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # What a client declares is refused before it is sent, what it does not declare is counted.
        declared = Headers(scope=scope).get("Content-Length", "")
        size = int(declared) if declared.isdecimal() else 0
        received = 0

        async def receive_within_limit() -> Message:
            nonlocal received
            self._refuse(size)
            message = await receive()
            received += len(message.get("body", b""))
            self._refuse(received)
            return message

        await self._app(scope, receive_within_limit, send)

    def _refuse(self, size: int) -> None:
        if size > self._largest:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A body has at most {self._largest} bytes.")
