"""Optimistic locking by entity tags: the tag of an item is its version."""

import re
from http import HTTPStatus
from typing import Any, Final

from fastapi import Request

from app.api.problems import Kind, ProblemError
from app.core.items import AcceptedVersions, Item

_REQUIRED: Final = Kind(HTTPStatus.PRECONDITION_REQUIRED, "version-required", "The version is required")
_TAG: Final = re.compile(r'"(\d{1,9})"')


def entity_tag(item: Item) -> str:
    """The strong tag of this version of the item."""
    return f'"{item.version}"'


# Described here and not by the framework, whose answer to a missing header would be another one than RFC 6585 asks for.
IF_MATCH: Final[dict[str, Any]] = {
    "parameters": [
        {
            "name": "If-Match",
            "in": "header",
            "required": True,
            "schema": {"type": "string", "examples": ['"1"']},
            "description": "The version to change, as its ETag; `*` for any.",
        }
    ]
}


def accepted_versions(request: Request) -> AcceptedVersions:
    """Read If-Match (RFC 9110); a change without it would overwrite what the client has not seen, so it is refused."""
    headers = request.headers.getlist("If-Match")
    if not headers:
        raise ProblemError(_REQUIRED, "Send the ETag of the item as If-Match.")
    tags = [tag.strip() for header in headers for tag in header.split(",")]
    if "*" in tags:
        return AcceptedVersions(None)
    # A weak or foreign tag matches no version, which is what the RFC asks for.
    matches = (_TAG.fullmatch(tag) for tag in tags)
    return AcceptedVersions.of(int(match[1]) for match in matches if match)
