"""Optimistic locking by entity tags: the tag of an item is its version."""

import re
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import Header

from app.api.problems import Kind, ProblemError
from app.core.items import AcceptedVersions, Item

_REQUIRED: Final = Kind(HTTPStatus.PRECONDITION_REQUIRED, "version-required", "The version is required")
_TAG: Final = re.compile(r'"(\d{1,9})"')


def entity_tag(item: Item) -> str:
    """The strong tag of this version of the item."""
    return f'"{item.version}"'


def accepted_versions(
    if_match: Annotated[
        str | None, Header(description='The version to change, as its ETag: `"1"`; `*` for any.')
    ] = None,
) -> AcceptedVersions:
    """Read If-Match (RFC 9110); a change without it would overwrite what the client has not seen, so it is refused."""
    if if_match is None:
        raise ProblemError(_REQUIRED, "Send the ETag of the item as If-Match.")
    if if_match.strip() == "*":
        return AcceptedVersions(None)
    # A weak or foreign tag matches no version, which is what the RFC asks for.
    tags = (_TAG.fullmatch(tag.strip()) for tag in if_match.split(","))
    return AcceptedVersions.of(int(tag[1]) for tag in tags if tag)
