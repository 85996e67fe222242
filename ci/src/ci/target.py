"""What a deployment needs of the place that it deploys to: a team's own platform is one class with these methods.

The order of the steps, and the way back when one fails, are `deploy.py`'s; a target only knows how each is done.
"""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

import dagger

from ci.errors import PipelineError


class TargetFailed(PipelineError):  # noqa: N818 - what the target did
    """A step on the target failed; the message says why, with the part of its output that tells."""


@dataclass(frozen=True)
class PublishedImage:
    """An image in the registry, by its digest: what was tested and nothing else."""

    digest: str
    reference: str
    """`host[:port]/name@sha256:...`, for a platform that pulls for itself."""
    container: dagger.Container
    """The same, pulled, for what runs on the engine."""


class Target(Protocol):
    """A place where one image of the service runs at a time, such as staging.

    Methods raise TargetFailed, or whatever they like: every exception is a failed step. They are called within `turn`
    only, one after the other.
    """

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    def turn(self) -> AbstractAsyncContextManager[None]:
        """Wait until no other deployment is at work here, keep others out, and leave nothing behind at the end.

        It must hold across machines, and end with whoever held it: a lease, a lock of a database session.
        """
        ...

    async def current(self) -> str | None:
        """Give the digest that was recorded last; None before the first deployment."""
        ...

    async def migrate(self, image: PublishedImage) -> None:
        """Run the image's migrations on the target's database, while the image before it may still be serving."""
        ...

    async def replace(self, image: PublishedImage) -> None:
        """Have the target run this image and no other; where it does already, this may do nothing."""
        ...

    async def probe(self) -> None:
        """Use what runs as a client would, and return when it serves: within a bounded time, or raise."""
        ...

    async def record(self, digest: str) -> None:
        """Remember that this digest runs here and passed its smoke test; all at once or not at all."""
        ...
