"""What can go wrong with images: references, registries, recipes, Dockerfiles, layers."""

from __future__ import annotations

from embedded_engine.errors import EngineError


class ImageError(EngineError):
    """An image that cannot be named, found, read or written. One line that says what to do."""


class UnreachableError(ImageError):
    """The registry gave no answer at all: no name, no route, no connection. A recipe may stand in."""


class SilentError(UnreachableError):
    """Not even a connection comes about: asking again in the same session is a waste of time."""


class NotFoundError(ImageError):
    """The registry answered that it does not have the image, or shows it to nobody without a login."""
