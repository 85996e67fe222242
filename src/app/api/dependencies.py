"""What routes ask for."""

from collections.abc import AsyncIterator
from typing import Annotated, TypedDict, cast

from fastapi import Depends, Request

from app.api.cursors import CursorCodec
from app.core.item_service import ItemService
from app.observability.metrics import Metrics
from app.resources import Resources
from app.settings import Settings


class State(TypedDict):
    """What the lifespan hands to every request."""

    settings: Settings
    metrics: Metrics
    resources: Resources
    cursors: CursorCodec


def _settings(request: Request) -> Settings:
    return cast(Settings, request.state.settings)


def _metrics(request: Request) -> Metrics:
    return cast(Metrics, request.state.metrics)


def _resources(request: Request) -> Resources:
    return cast(Resources, request.state.resources)


def _cursors(request: Request) -> CursorCodec:
    return cast(CursorCodec, request.state.cursors)


SettingsDependency = Annotated[Settings, Depends(_settings)]
MetricsDependency = Annotated[Metrics, Depends(_metrics)]
ResourcesDependency = Annotated[Resources, Depends(_resources)]
CursorsDependency = Annotated[CursorCodec, Depends(_cursors)]


async def _items(resources: ResourcesDependency) -> AsyncIterator[ItemService]:
    async with resources.unit_of_work() as repository:
        service = ItemService(repository, resources.cache)
        yield service
    await service.publish()


# The one commit of a request. "function": it is done before the answer is sent, so that no client is told of a change
# that then fails to be stored.
ItemsDependency = Annotated[ItemService, Depends(_items, scope="function")]


async def limit_rate(request: Request, resources: ResourcesDependency) -> None:
    """Refuse a client that is beyond its quota; clients are told apart by address."""
    if resources.rate_limiter is not None:
        await resources.rate_limiter.admit(request.client.host if request.client else "unknown")
