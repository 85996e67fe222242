"""Version 1 of the interface: which routes it has, and the rules that hold for all of them."""

from fastapi import APIRouter, Depends

from app.api import calculate, items
from app.api.dependencies import limit_rate
from app.api.openapi import problems
from app.settings import Settings


def create_v1_router(settings: Settings) -> APIRouter:
    """Put the routes together; those behind a feature flag only where it is on."""
    router = APIRouter(prefix="/api/v1", dependencies=[Depends(limit_rate)], responses=problems(400, 429, 503))
    if settings.feature_item_search:
        router.include_router(items.search_router)
    router.include_router(items.router)
    router.include_router(calculate.router)
    return router
