"""A session for tests: the Dagger API on the embedded engine, for as long as a `with` block lasts.

with embedded_session():
    anyio.run(use_dagger)  # dagger.connect(), dag.container() and all the rest
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from embedded_engine.engine import Engine
from embedded_engine.events import Emit, Event
from embedded_engine.session import Session
from embedded_engine.store import default_root
from embedded_engine.user_namespace import become_root


@contextmanager
def embedded_session(
    emit: Emit | None = None, *, store: Path | None = None, workdir: Path | None = None
) -> Iterator[Session]:
    """Serve the API and say so in the environment, where a Dagger SDK looks for it.

    What is made is kept in `store` (by default the user's), so that the next test run finds it. Containers, services
    and tunnels end with the block. An ordinary user's process becomes root of a user namespace, and stays that.
    """
    become_root()
    session = Session.open(lambda: Engine.open(emit or _ignore, store, workdir), cache=store or default_root())
    before = {name: os.environ.get(name) for name in session.environment}
    os.environ.update(session.environment)
    try:
        yield session
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        session.close()


def _ignore(_event: Event) -> None:
    """Nobody watches."""
