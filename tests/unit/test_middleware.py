"""What surrounds requests, where an application cannot be made to show it."""

from typing import NoReturn

import pytest
from starlette.types import Message, Receive, Scope, Send

from app.observability.metrics import Metrics
from app.observability.middleware import ObservationMiddleware

SCOPE: Scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "client": None}


async def unused() -> NoReturn:
    """Receive nothing, since nobody asks."""
    raise AssertionError("nothing is to be received")


async def test_a_fault_after_the_headers_breaks_the_connection() -> None:
    """Once an answer is on its way no second one is sent: the server closes the connection on the error."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def breaks_off(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("broken")

    async def failure(_: Scope, __: Receive, ___: Send) -> None:
        raise AssertionError("no second answer")

    middleware = ObservationMiddleware(breaks_off, metrics=Metrics(), failure=failure, template=lambda _: None)
    with pytest.raises(RuntimeError, match="broken"):
        await middleware(SCOPE, unused, send)
    assert [message["type"] for message in sent] == ["http.response.start"]
