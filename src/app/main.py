"""The application: `create_app` puts it together, `app` is the one that a server imports."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache
from typing import Final

from fastapi import FastAPI

from app.api import operations
from app.api.body_limit import BodyLimitMiddleware
from app.api.cursors import CursorCodec
from app.api.dependencies import State
from app.api.handlers import add_problem_handlers, answer_failure
from app.api.openapi import describe_problems
from app.api.routes import RouteTable
from app.api.v1 import create_v1_router
from app.observability.logs import configure_logging
from app.observability.metrics import Metrics
from app.observability.middleware import ObservationMiddleware, RequestIdMiddleware
from app.resources import Resources, open_resources
from app.settings import Settings, SettingsError, load_settings
from app.version import release

_LARGEST_BODY: Final = 64 * 1024

# Made when it is asked for, see __getattr__.
app: FastAPI


def create_app(
    settings: Settings,
    *,
    open_resources: Callable[[Settings, Metrics], AbstractAsyncContextManager[Resources]] = open_resources,
) -> FastAPI:
    """Put an application together; it opens its resources when a server starts it, and closes them at the end."""
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[State]:
        async with open_resources(settings, metrics) as resources:
            cursors = CursorCodec(settings.secret_key.get_secret_value())
            yield State(settings=settings, metrics=metrics, resources=resources, cursors=cursors)

    application = FastAPI(title="Items", version=release(), lifespan=lifespan, redirect_slashes=False)
    application.include_router(operations.router)
    application.include_router(create_v1_router(settings))
    add_problem_handlers(application)
    describe_problems(application)
    # The last one added is the outermost.
    application.add_middleware(BodyLimitMiddleware, largest=_LARGEST_BODY)
    application.add_middleware(
        ObservationMiddleware,
        metrics=metrics,
        failure=answer_failure,
        template=RouteTable(application.routes).template,
    )
    application.add_middleware(RequestIdMiddleware)
    return application


@cache
def _configured_app() -> FastAPI:
    try:
        settings = load_settings()
    except SettingsError as error:
        raise SystemExit(f"The settings are not usable: {error}") from None
    configure_logging(settings.log_level)
    return create_app(settings)


def __getattr__(name: str) -> FastAPI:
    """Make `app` when a server asks for it: importing this module reads no environment."""
    if name == "app":
        return _configured_app()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Name `app` too: `fastapi dev` looks for it here."""
    return [*globals(), "app"]
