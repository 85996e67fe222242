"""Where a module's code runs: in this process if all that it needs is here, else in one with its own environment."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from embedded_engine.api import definitions
from embedded_engine.binding import ServedModule
from embedded_engine.cli.loading import LoadedModule
from embedded_engine.cli.module import ModuleSource
from embedded_engine.cli.project import Project
from embedded_engine.cli.rules import check_definitions
from embedded_engine.cli.sdk import import_sdk
from embedded_engine.session import Session
from embedded_engine.store import Store

if TYPE_CHECKING:
    from embedded_engine.progress import Hub


class Runtime(Protocol):
    """Where a module's code runs."""

    async def definitions(self) -> definitions.Module:
        """What the module registers."""

    async def call(
        self, object_name: str, state: Mapping[str, Any], function_name: str, inputs: Mapping[str, Any]
    ) -> Any:
        """Call a function (the constructor has no name) of an object in that state; everything is JSON, objects are ids."""

    async def reconnect(self) -> None:
        """Read the session's schema anew: it has changed."""

    async def close(self) -> None:
        """End it."""


class InProcess:
    """Runs a module whose dependencies are those of this environment."""

    def __init__(self, source: ModuleSource, served: ServedModule, session: Session) -> None:
        self._session = session
        os.environ.update(source.environment(), **session.environment)
        if served.client:
            sys.path.insert(0, str(client_place(served, session.engine.store)))
        import_sdk()
        self._module = LoadedModule(source)
        self.call = self._module.call
        self.reconnect = self._module.reconnect
        self.close = self._module.close

    async def connect(self) -> None:
        """Connect the SDK to the session."""
        await self._module.connect()

    async def definitions(self) -> definitions.Module:
        """Register the module with the session, and read what it registered."""
        return registered(self._session, await self._module.register())


async def open_runtime(
    source: ModuleSource, served: ServedModule, session: Session, hub: Hub, prints: TextIO
) -> Runtime:
    """The module that a command is about, ready to be called. What it prints goes to `prints`."""
    session.serve(served)
    # The SDK holds on to the session that it is first imported in; a command may work with several toolchains.
    if source.is_toolchain or not Project.read(source.source).is_at_home():
        return await open_child(source, served, session, hub, prints)
    from embedded_engine.progress.spans import install

    runtime = InProcess(source, served, session)
    install(hub)
    await runtime.connect()
    return runtime


async def open_child(source: ModuleSource, served: ServedModule, session: Session, hub: Hub, prints: TextIO) -> Runtime:
    """A module in a process of its own, ready to be called: in its own environment, or in this one if it suits."""
    from embedded_engine.cli.environments import Environments
    from embedded_engine.cli.foreign import InChild

    project = Project.read(source.source)
    python = Path(sys.executable)
    if not project.is_at_home():
        python = await Environments(session.engine.store, hub.emit).python(source.name, project)
    return await InChild.start(source, served, python, session, hub, prints)


def client_place(served: ServedModule, store: Store) -> Path:
    """A directory with the module's own client, by the name by which the SDK looks for one before it takes its own."""
    place = store.scratch()
    (place / "dagger_gen.py").write_text(served.client, encoding="utf-8")
    return place


def registered(session: Session, module_id: str) -> definitions.Module:
    """What a module registered under that id. Raises ModuleLoadError for what cannot be served."""
    module: definitions.Module = session.objects.get(module_id, ("Module",))  # type: ignore[assignment]  # by its name
    check_definitions(module, session.core_types)
    return module


@contextlib.contextmanager
def empty_workdir(store: Store) -> Iterator[None]:
    """Run with an empty working directory, as a module on Dagger does: it reads files through its arguments.

    The store removes it when it is closed, or, after a run that was killed, when it is next opened.
    """
    before = Path.cwd()
    os.chdir(store.scratch())
    try:
        yield
    finally:
        os.chdir(before)
