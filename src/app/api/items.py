"""/api/v1/items"""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from app.api.dependencies import CursorsDependency, ItemsDependency
from app.api.openapi import problems
from app.api.preconditions import IF_MATCH, accepted_versions, entity_tag
from app.api.schemas import ItemIn, ItemOut, PageOut, SearchText
from app.core.items import AcceptedVersions

Limit = Annotated[int, Query(ge=1, le=100, description="The most items to return.")]
AcceptedDependency = Annotated[AcceptedVersions, Depends(accepted_versions)]

router = APIRouter(prefix="/items", tags=["items"])
# Unfinished, and so behind its flag: without it the route does not exist, nor does its documentation.
search_router = APIRouter(prefix="/items", tags=["items"])


@router.post("", status_code=HTTPStatus.CREATED, responses=problems(409, 413))
async def create_item(body: ItemIn, items: ItemsDependency, request: Request, response: Response) -> ItemOut:
    """Create an item; its name must be free."""
    item = await items.create(body.draft())
    response.headers["Location"] = request.app.url_path_for("read_item", item_id=item.id)
    response.headers["ETag"] = entity_tag(item)
    return ItemOut.of(item)


@router.get("", responses=problems(422))
async def list_items(
    items: ItemsDependency,
    cursors: CursorsDependency,
    limit: Limit = 20,
    cursor: Annotated[str | None, Query(max_length=200, description="`next_cursor` of the page before.")] = None,
) -> PageOut:
    """List items in the order of their creation, page by page."""
    page = await items.page(limit=limit, after=cursors.decode(cursor) if cursor is not None else None)
    return PageOut(
        items=[ItemOut.of(item) for item in page.items],
        next_cursor=cursors.encode(page.next) if page.next else None,
    )


@router.get("/{item_id:uuid}", responses=problems(404))
async def read_item(item_id: UUID, items: ItemsDependency, response: Response) -> ItemOut:
    """Read an item; its ETag is what a change asks for."""
    item = await items.get(item_id)
    response.headers["ETag"] = entity_tag(item)
    return ItemOut.of(item)


@router.put("/{item_id:uuid}", responses=problems(404, 409, 412, 413, 428), openapi_extra=IF_MATCH)
async def replace_item(
    item_id: UUID, body: ItemIn, accepted: AcceptedDependency, items: ItemsDependency, response: Response
) -> ItemOut:
    """Replace an item, if it is still at the version that If-Match names."""
    item = await items.replace(item_id, body.draft(), accepted=accepted)
    response.headers["ETag"] = entity_tag(item)
    return ItemOut.of(item)


@router.delete(
    "/{item_id:uuid}", status_code=HTTPStatus.NO_CONTENT, responses=problems(404, 412, 428), openapi_extra=IF_MATCH
)
async def delete_item(item_id: UUID, accepted: AcceptedDependency, items: ItemsDependency) -> None:
    """Delete an item, if it is still at the version that If-Match names."""
    await items.remove(item_id, accepted=accepted)


@search_router.get("/search")
async def search_items(
    items: ItemsDependency,
    q: Annotated[SearchText, Query(description="A part of the name, in any case.")],
    limit: Limit = 20,
) -> list[ItemOut]:
    """Find items by a part of their name."""
    return [ItemOut.of(item) for item in await items.search(q, limit=limit)]
