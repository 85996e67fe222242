"""Which template of a path a request was matched with, and what else may be done there."""

from collections.abc import Callable, Sequence
from typing import Any

from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute
from starlette.types import Scope


class RouteTable:
    """The routes of a finished application, by endpoint: what a matched request carries in its scope."""

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        self._templates: dict[Callable[..., Any], str] = {}
        self._methods: dict[str, set[str]] = {}
        for route in iter_route_contexts(routes):
            if route.endpoint is not None and route.path_format is not None:
                self._templates[route.endpoint] = route.path_format
                self._methods.setdefault(route.path_format, set()).update(route.methods or ())

    def template(self, scope: Scope) -> str | None:
        """The path with its parameters' names, such as `/api/v1/items/{item_id}`; None where no route matched."""
        endpoint = scope.get("endpoint")
        return self._templates.get(endpoint) if endpoint is not None else None

    def methods(self, scope: Scope) -> set[str]:
        """Every method that the matched path has, on whichever route."""
        template = self.template(scope)
        return self._methods[template] if template is not None else set()
