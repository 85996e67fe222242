"""The modules that a module depends on: their functions become fields of the API, which its own code calls."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TextIO

from embedded_engine.api.definitions import Function, Module
from embedded_engine.binding import ServedModule
from embedded_engine.cli.addresses import Addresses
from embedded_engine.cli.arguments import Arguments
from embedded_engine.cli.errors import ModuleLoadError
from embedded_engine.cli.local_defaults import with_defaults
from embedded_engine.cli.module import DefinitionCache, ModuleSource, related
from embedded_engine.cli.results import held
from embedded_engine.cli.runtime import Runtime, open_child
from embedded_engine.progress import Hub
from embedded_engine.served.client import client_of
from embedded_engine.served.names import NamedModule
from embedded_engine.served.objects import resolvers
from embedded_engine.served.schema import schema_of, type_names
from embedded_engine.session import Session


@dataclass
class Dependency:
    """A module that others call, by the name that they call it; its code runs in a process once it is called."""

    source: ModuleSource
    arguments: Arguments
    below: tuple[Dependency, ...]
    named: NamedModule = field(init=False)
    runtime: asyncio.Task[Runtime] | None = None
    answers: dict[str, asyncio.Task[Any]] = field(default_factory=dict)


class Dependencies:
    """All modules that one module depends on, itself or through others."""

    def __init__(self, session: Session, hub: Hub, prints: TextIO, cache: DefinitionCache, workdir: Path) -> None:
        self._session = session
        self._hub = hub
        self._prints = prints
        self._cache = cache
        self._addresses = Addresses(session.ask, workdir)
        self._workdir = workdir
        self._all: dict[tuple[str, Path], Dependency] = {}

    async def open(self, source: ModuleSource) -> ServedModule:
        """Learn what a module depends on; what its own code needs to be served with that."""
        below = self._find(source, (source.source,))
        for each in self._all.values():
            definition = with_defaults(await self._definition(each), each.source, self._workdir)
            each.named = NamedModule(each.source.name, definition, each.source.original_name)
        return _served(source, below)

    def serve(self, main: NamedModule | None = None) -> bool:
        """Put everything into the schema, with the main module's own types if others may meet them; whether any was."""
        modules = [each.named for each in self._all.values()]
        own = [main] if main is not None and (modules or main.definition.interfaces) else []
        if not modules and not own:
            return False
        self._refuse_doubles([*modules, *own])
        loop = asyncio.get_running_loop()
        answering = dict(
            found for each in self._all.values() for found in resolvers(each.named, self._caller(each, loop))
        )
        self._session.extend(schema_of(modules, own), answering)
        return True

    async def reconnect(self) -> None:
        """Let every process that runs read the schema anew."""
        for each in self._all.values():
            if each.runtime is not None:
                await (await each.runtime).reconnect()

    async def close(self) -> None:
        """End the processes."""
        for each in self._all.values():
            for answer in each.answers.values():
                answer.cancel()
            if each.runtime is not None:
                each.runtime.cancel()
                (runtime,) = await asyncio.gather(each.runtime, return_exceptions=True)
                if not isinstance(runtime, BaseException):
                    await runtime.close()

    def _find(self, source: ModuleSource, path: tuple[Path, ...]) -> tuple[Dependency, ...]:
        """What a module depends on directly. Raises ModuleLoadError for what is not on this machine, and for a circle."""
        found = []
        for below in (
            *(related(source.home or source.root, source.name, each) for each in source.dependencies),
            *source.tools(),
        ):
            if below.source in path:
                raise ModuleLoadError(f"the module {source.name} depends on {below.name}, which depends on it")
            key = (below.name, below.source)
            if key not in self._all:
                inner = self._find(below, (*path, below.source))
                self._all[key] = Dependency(below, Arguments(below, self._addresses), inner)
            found.append(self._all[key])
        return tuple(found)

    async def _definition(self, dependency: Dependency) -> Module:
        known = self._cache.get(dependency.source)
        if known is None:
            known = await (await self._running(dependency)).definitions()
            self._cache.put(dependency.source, known)
        return known

    async def _running(self, dependency: Dependency) -> Runtime:
        """The process of a dependency, started when it is first needed."""
        if dependency.runtime is None:
            served = _served(dependency.source, dependency.below)
            dependency.runtime = asyncio.create_task(
                open_child(dependency.source, served, self._session, self._hub, self._prints)
            )
        return await asyncio.shield(dependency.runtime)

    def _caller(self, dependency: Dependency, loop: asyncio.AbstractEventLoop) -> Any:
        """Calls functions of a dependency from the session's loop, in this one, where its process is spoken to."""

        async def call(function: Function, owner: str, state: Mapping[str, Any], given: Mapping[str, Any]) -> Any:
            work = self._once(dependency, function, owner, state, given)
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, loop))

        return call

    async def _once(
        self, dependency: Dependency, function: Function, owner: str, state: Mapping[str, Any], given: Mapping[str, Any]
    ) -> Any:
        """The answer of a call; equal calls of a session are one, unless the function says that it is never kept."""
        key = json.dumps([owner, function.name, state, given], sort_keys=True)
        answer = dependency.answers.get(key)
        if answer is None or function.cache_policy == "Never" or (answer.done() and _failed(answer)):
            answer = dependency.answers[key] = asyncio.create_task(
                self._call(dependency, function, owner, state, given)
            )
        return await asyncio.shield(answer)

    async def _call(
        self, dependency: Dependency, function: Function, owner: str, state: Mapping[str, Any], given: Mapping[str, Any]
    ) -> Any:
        inputs = {**given, **await dependency.arguments.of(function, given)}
        runtime = await self._running(dependency)
        answer = await runtime.call(owner, state, function.name, inputs)
        return held(answer, function.return_type, f"{owner}.{function.name}") if function.name else answer

    def _refuse_doubles(self, modules: list[NamedModule]) -> None:
        core = self._session.core_types
        seen: dict[str, str] = {}
        for module in modules:
            for name in type_names([module]):
                if name in core or name in seen:
                    raise ModuleLoadError(
                        f"the type {name} of the module {module.name} is already defined by "
                        f"{seen.get(name, 'the core API')}"
                    )
                seen[name] = module.name


def _served(source: ModuleSource, below: Sequence[Dependency]) -> ServedModule:
    modules = [each.named for each in below]
    definitions = tuple(replace(each.definition, name=each.name) for each in modules)
    return ServedModule(source.name, str(source.source), definitions, client_of(modules) if modules else "")


def _failed(answer: asyncio.Task[Any]) -> bool:
    return answer.cancelled() or answer.exception() is not None
