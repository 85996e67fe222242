"""What a command works with: the module, and, once something must run, a session with the module in it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from embedded_engine.api.definitions import OBJECT, Module, ObjectTypeDef, TypeDef
from embedded_engine.cli.catalog import Catalog
from embedded_engine.cli.local_defaults import with_defaults
from embedded_engine.cli.module import DefinitionCache, ModuleSource
from embedded_engine.cli.options import Options
from embedded_engine.progress import Hub, Progress, open_progress
from embedded_engine.progress.text import summary
from embedded_engine.store import default_root

if TYPE_CHECKING:
    from embedded_engine.cli.core import CoreTypes
    from embedded_engine.cli.runner import Runner
    from embedded_engine.cli.words import Step
    from embedded_engine.served.names import NamedModule
    from embedded_engine.session import Session

FRESH = "fresh"
"""The constructor argument that makes a run its own: nothing of an earlier one is used."""


@dataclass(frozen=True)
class Work:
    """A module that is ready to be called."""

    catalog: Catalog
    runner: Runner
    progress: Progress


class Workbench:
    """Opens what a command asks for, no earlier than it does, and closes it again."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.prefix: tuple[str, ...] = ()
        """The words that lead to the module that is worked with: a toolchain's name."""
        self.workdir = Path.cwd()
        self._cache = default_root()
        self._started = time.monotonic()

    def source(self) -> ModuleSource:
        """The module that the options name, by default the one that the current directory is in."""
        return ModuleSource.find(self.options.module)

    def known_catalog(self, source: ModuleSource) -> Catalog | None:
        """The module's functions, if they are known without importing it."""
        if not source.has_code:
            return self._catalog(
                source, Module(objects=(TypeDef(OBJECT, definition=ObjectTypeDef(source.main_object)),))
            )
        module = DefinitionCache(self._cache).get(source)
        return self._catalog(source, module) if module is not None else None

    async def catalog(self, source: ModuleSource) -> Catalog:
        """The module's functions; the module is imported only if its sources are new."""
        known = self.known_catalog(source)
        if known is not None:
            return known
        async with self.work(source) as work:
            return work.catalog

    @asynccontextmanager
    async def work(self, source: ModuleSource) -> AsyncIterator[Work]:
        """The module in a session. Everything that runs has ended when this is left, however it is left."""
        with self.session() as (session, hub, progress):
            from embedded_engine.cli.dependencies import Dependencies
            from embedded_engine.cli.runner import Runner
            from embedded_engine.cli.runtime import Runtime, empty_workdir, open_runtime

            # Standard output is for results; what a module prints goes beside the progress.
            with empty_workdir(session.engine.store), contextlib.redirect_stdout(progress.prints):
                cache = DefinitionCache(self._cache)
                dependencies = Dependencies(session, hub, progress.prints, cache, self.workdir)
                runtime: Runtime | None = None
                try:
                    served = await dependencies.open(source)
                    module = cache.get(source)
                    dependencies.serve(_named(source, module) if module is not None else None)
                    runtime = await open_runtime(source, served, session, hub, progress.prints)
                    gc.enable()
                    if module is None:
                        module = await runtime.definitions()
                        cache.put(source, module)
                        if dependencies.serve(_named(source, module)):
                            await asyncio.gather(runtime.reconnect(), dependencies.reconnect())
                    catalog = self._catalog(source, module, session)
                    yield Work(catalog, Runner(source, catalog, runtime, session, self.workdir), progress)
                finally:
                    if runtime is not None:
                        await runtime.close()
                    await dependencies.close()

    @contextlib.contextmanager
    def session(self) -> Iterator[tuple[Session, Hub, Progress]]:
        """A session of the embedded engine, what counts its progress, and what shows it, on standard error."""
        from embedded_engine.engine import Engine
        from embedded_engine.session import Session

        kind = "none" if self.options.silent else self.options.progress
        progress: Progress = open_progress(sys.stderr, kind, verbose=self.options.verbose)
        hub = Hub(progress.show)
        try:
            session = Session.open(
                lambda: Engine.open(hub.emit, workdir=self.workdir), cache=self._cache, stage_of=hub.stage_of
            )
            try:
                yield session, hub, progress
            finally:
                session.close()
        finally:
            progress.close()
            if not self.options.silent:
                self._summarise(hub)

    def with_fresh(self, step: Step) -> Step:
        """The constructor's call; under `--no-cache` with a new value for the argument that runs everything again."""
        from dataclasses import replace

        takes = any(arg.name == FRESH for arg in step.function.args)
        if not self.options.no_cache or not takes or FRESH in step.arguments:
            return step
        return replace(step, arguments={**step.arguments, FRESH: uuid4().hex})

    def _catalog(self, source: ModuleSource, module: Module, session: Session | None = None) -> Catalog:
        def load_core() -> CoreTypes:
            from embedded_engine.cli.core import CoreTypes
            from embedded_engine.schema import load_schema

            schema = session.schema if session is not None else load_schema(self._cache)
            return CoreTypes(schema.executable)

        return Catalog(with_defaults(module, source, self.workdir), source.main_object, load_core, self.prefix)

    def _summarise(self, hub: Hub) -> None:
        lines = summary(hub.stages, time.monotonic() - self._started, hub.steps_ran, hub.steps_cached)
        if len(hub.stages) > 1:
            sys.stderr.write("".join(f"{line}\n" for line in ("", *lines)))


def _named(source: ModuleSource, module: Module) -> NamedModule:
    from embedded_engine.served.names import NamedModule

    return NamedModule(source.name, module, source.original_name)


def debugging() -> bool:
    """Whether tracebacks are wanted."""
    return bool(os.environ.get("CI_ENGINE_DEBUG"))
