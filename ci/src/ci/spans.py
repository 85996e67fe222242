"""Stages and steps as spans, which is how either engine shows when one starts and how it ends."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from dagger import telemetry

_CANCELED: Final = "dagger.io/dag.canceled"
"""Dagger's own word for what did not take place and has not failed: it is shown apart from what passed."""


@contextmanager
def shown(name: str) -> Iterator[Callable[[str], None]]:
    """Show something while the block lasts; to leave it by an exception shows that it failed.

    Gives what to call, with the reason, when it does not take place after all.
    """
    with telemetry.get_tracer().start_as_current_span(name) as span:
        yield lambda reason: span.set_attributes({_CANCELED: True, "reason": reason})
