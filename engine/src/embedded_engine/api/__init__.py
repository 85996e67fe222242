"""The types of the API: one module per type, whose resolvers are bound when it is imported."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules


def load() -> None:
    """Import every module of this package, so that its resolvers are bound."""
    for module in iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
