"""Every error that leaves a route, turned into a problem."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.api.problems import KINDS, Kind, Mistake, ProblemError, problem_response
from app.api.routes import RouteTable
from app.core.errors import CoreError, RateLimitedError

_INVALID: Final = Kind(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-request", "The request is not valid")


def add_problem_handlers(app: FastAPI) -> None:
    """Make problems of the core's errors, of this side's, of what the framework refuses."""

    @app.exception_handler(CoreError)
    async def core_error(request: Request, error: CoreError) -> Response:
        headers = {"Retry-After": str(error.retry_after)} if isinstance(error, RateLimitedError) else None
        return problem_response(request, KINDS[type(error)], str(error), headers=headers)

    @app.exception_handler(ProblemError)
    async def problem_error(request: Request, error: ProblemError) -> Response:
        return problem_response(request, error.kind, error.detail, members=error.members)

    @app.exception_handler(RequestValidationError)
    async def invalid_request(request: Request, error: RequestValidationError) -> Response:
        mistakes = [_mistake(entry) for entry in error.errors()]
        return problem_response(
            request,
            _INVALID,
            "; ".join(f"{mistake.name}: {mistake.detail}" for mistake in mistakes),
            members={"errors": mistakes},
        )

    @app.exception_handler(HTTPException)
    async def refused_by_framework(request: Request, error: HTTPException) -> Response:
        status = HTTPStatus(error.status_code)
        detail = error.detail if error.detail != status.phrase else None
        headers = error.headers
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            # The framework names the methods of one route; the path may have several.
            headers = {"Allow": ", ".join(sorted(RouteTable(app.routes).methods(request.scope)))}
        return problem_response(request, Kind(status), detail, headers=headers)


async def answer_failure(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request that the code failed on, and tell nothing of why: that is in the logs."""
    request = Request(scope)
    detail = "The request failed by a fault of the service; its id finds it in the logs."
    response = problem_response(request, Kind(HTTPStatus.INTERNAL_SERVER_ERROR), detail)
    await response(scope, receive, send)


def _mistake(entry: Mapping[str, Any]) -> Mistake:
    location, *place = entry["loc"]
    if location == "body":
        # Where a body is not JSON at all, the place is a number of characters and points to nothing.
        parts = [] if entry["type"] == "json_invalid" else place
        name = "#" + "".join(f"/{_readable(part)}" for part in parts)
    else:
        name = ".".join(str(part) for part in place)
    return Mistake(location=location, name=name, detail=entry["msg"].removeprefix("Value error, "))


def _readable(part: str | int) -> str:
    # A client's own word: JSON allows half a character in it (a lone surrogate), UTF-8 does not.
    return str(part).encode(errors="replace").decode()
