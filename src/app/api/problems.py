"""The one shape of every error: problem details (RFC 9457)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from app.core.errors import (
    CalculationError,
    CoreError,
    ItemNameTakenError,
    ItemNotFoundError,
    RateLimitedError,
    StorageUnavailableError,
    VersionConflictError,
)
from app.observability.logs import request_id

MEDIA_TYPE: Final = "application/problem+json"


class Mistake(BaseModel):
    """One thing that is wrong with a request."""

    location: str = Field(description="Where it is: `body`, `query`, `path` or `header`.")
    name: str = Field(description="The parameter's name; for the body a JSON pointer into it.")
    detail: str = Field(description="What is wrong with it.")


class Problem(BaseModel):
    """Problem details (RFC 9457)."""

    # Some problems tell more, in members of their own, as the RFC has it.
    model_config = ConfigDict(extra="allow")

    type: str = Field(description="The kind of problem; `about:blank` when the status says it all.")
    title: str = Field(description="The kind of problem in words, the same every time.")
    status: int = Field(description="The status of the response.")
    detail: str | None = Field(default=None, description="What went wrong this time.")
    instance: str | None = Field(default=None, description="The path that was asked for.")
    request_id: str | None = Field(default=None, description="Finds the request in the logs.")
    errors: list[Mistake] | None = Field(default=None, description="What is wrong with the request, one by one.")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of problem: its status and, unless the status says it all, its name and title."""

    status: HTTPStatus
    name: str = ""
    title: str = ""


@dataclass(eq=False)
class ProblemError(Exception):
    """An error that the HTTP side finds by itself: a bad precondition, a forged cursor, a service that is not ready."""

    kind: Kind
    detail: str
    members: Mapping[str, Any] = field(default_factory=dict)


KINDS: Final[Mapping[type[CoreError], Kind]] = MappingProxyType(
    {
        ItemNotFoundError: Kind(HTTPStatus.NOT_FOUND, "item-not-found", "No such item"),
        ItemNameTakenError: Kind(HTTPStatus.CONFLICT, "item-name-taken", "The name is taken"),
        VersionConflictError: Kind(HTTPStatus.PRECONDITION_FAILED, "version-conflict", "The item has changed"),
        CalculationError: Kind(HTTPStatus.UNPROCESSABLE_ENTITY, "no-result", "The calculation has no result"),
        RateLimitedError: Kind(HTTPStatus.TOO_MANY_REQUESTS, "rate-limited", "Too many requests"),
        StorageUnavailableError: Kind(HTTPStatus.SERVICE_UNAVAILABLE, "storage-unavailable", "Storage is unavailable"),
    }
)


def problem_response(
    request: Request,
    kind: Kind,
    detail: str | None = None,
    *,
    headers: Mapping[str, str] | None = None,
    members: Mapping[str, Any] | None = None,
) -> JSONResponse:
    """Write a problem as the answer to this request."""
    problem = Problem(
        type=f"urn:problem:{kind.name}" if kind.name else "about:blank",
        title=kind.title or kind.status.phrase,
        status=kind.status,
        detail=detail,
        instance=request.url.path,
        request_id=request_id.get(),
        **(members or {}),
    )
    return JSONResponse(
        problem.model_dump(mode="json", exclude_none=True),
        status_code=kind.status,
        headers=headers,
        media_type=MEDIA_TYPE,
    )
