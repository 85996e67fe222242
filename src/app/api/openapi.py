"""The OpenAPI document, with every error described as what it is: a problem."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.api.problems import MEDIA_TYPE, Problem

_REFERENCE: Final = "#/components/schemas/"
_SUPERSEDED: Final = ("HTTPValidationError", "ValidationError")


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Say that a route may answer with problems of these statuses."""
    return {status: {"description": HTTPStatus(status).phrase} for status in statuses}


def describe_problems(app: FastAPI) -> None:
    """Replace the framework's idea of an error in the document of this application."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            app.openapi_schema = _with_problems(document)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # the framework's own way to change the document


def _with_problems(document: dict[str, Any]) -> dict[str, Any]:
    for response in _error_responses(document):
        response["content"] = {MEDIA_TYPE: {"schema": {"$ref": f"{_REFERENCE}{Problem.__name__}"}}}
    schema = Problem.model_json_schema(ref_template=_REFERENCE + "{model}")
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas |= schema.pop("$defs") | {Problem.__name__: schema}
    for name in _SUPERSEDED:
        schemas.pop(name, None)
    return document


def _error_responses(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for operations in document["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    yield response
