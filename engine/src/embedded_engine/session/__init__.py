"""A session: the Dagger API on loopback, served from a thread with a loop of its own until it is closed."""

from __future__ import annotations

import asyncio
import inspect
import json
import secrets
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

from embedded_engine import api
from embedded_engine.binding import EngineLike, ObjectTable, Resolver, ServedModule
from embedded_engine.errors import EngineError
from embedded_engine.schema import Schema, load_schema
from embedded_engine.session.execution import Execution
from embedded_engine.session.http import Application, Server, StageOf
from embedded_engine.session.validation import allow_deep_requests

ResultT = TypeVar("ResultT")
OpenEngine = Callable[[], EngineLike | Awaitable[EngineLike]]

# A chain of calls is one nested request, and each level costs a few frames; the default allows about a hundred.
_RECURSION_LIMIT = 30_000
_STACK_BYTES = 64 * 1024 * 1024  # reserved, not used


class ApiError(EngineError):
    """An error of the API, as a client in this process gets it; its extensions say more."""


class Session:
    """Serves the API of one engine. Safe to use from any thread; a synchronous module function blocks its own only."""

    def __init__(self, open_engine: OpenEngine, cache: Path, stage_of: StageOf) -> None:
        self.token = secrets.token_urlsafe(32)
        self.port = 0
        self.objects = ObjectTable(secrets.token_bytes(32))
        self._open_engine = open_engine
        self._cache = cache
        self._stage_of = stage_of
        self._modules: dict[str, ServedModule] = {}
        self._loop = asyncio.new_event_loop()
        self._started: threading.Event = threading.Event()
        self._stop: asyncio.Event | None = None
        self._failure: BaseException | None = None
        self._recursion_limit: int | None = None
        self._schema: Schema | None = None
        self._execution: Execution | None = None
        self._thread = threading.Thread(target=self._run, name="engine-session", daemon=True)

    @classmethod
    def open(
        cls, open_engine: OpenEngine, *, cache: Path, stage_of: StageOf = lambda _span: None, load_api: bool = True
    ) -> Session:
        """Start serving. `open_engine` is called in the session's own loop; what it raises is raised here.

        `cache` keeps what is made of the schema; `stage_of` names the stage that a span (16 hex digits) belongs to.
        """
        if load_api:
            api.load()
        session = cls(open_engine, cache, stage_of)
        allow_deep_requests()
        session._recursion_limit = sys.getrecursionlimit()
        sys.setrecursionlimit(max(session._recursion_limit, _RECURSION_LIMIT))
        before = threading.stack_size(_STACK_BYTES)
        try:
            session._thread.start()
        finally:
            threading.stack_size(before)
        session._started.wait()
        if session._failure is not None:
            session._thread.join()
            raise session._failure
        return session

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which a Dagger SDK finds the session."""
        return {"DAGGER_SESSION_PORT": str(self.port), "DAGGER_SESSION_TOKEN": self.token}

    def environment_of(self, module: ServedModule) -> dict[str, str]:
        """The same for the functions of a module, whose requests are known by a token of their own."""
        token = secrets.token_urlsafe(32)
        self._modules[token] = module
        return {**self.environment, "DAGGER_SESSION_TOKEN": token}

    def extend(self, types: str, resolvers: Mapping[tuple[str, str], Resolver]) -> None:
        """Serve more types beside those of the core API from now on, in place of what was said before."""
        core = load_schema(self._cache)
        self._schema = core.extended(types) if types else core
        if self._execution is not None:
            self._execution.serve(self._schema, resolvers)

    def run(self, work: Coroutine[Any, Any, ResultT]) -> ResultT:
        """Run something in the session's loop and wait for it, from another thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def serve(self, module: ServedModule) -> None:
        """Say which module's functions make the requests from now on."""
        if self._execution is not None:
            self._execution.module = module

    async def ask(self, query: str, stage: str | None = None) -> dict[str, Any]:
        """Answer a query from this process, without HTTP, from any loop. Its first error is raised as ApiError."""
        execution = self._execution
        if execution is None:
            raise ApiError("the session is not open")
        body = json.dumps({"query": query}).encode()
        response = asyncio.run_coroutine_threadsafe(execution.respond(body, stage), self._loop)
        received: bytes = await asyncio.wrap_future(response)
        answer = json.loads(received)
        if errors := answer.get("errors"):
            raise ApiError(errors[0]["message"], extensions=errors[0].get("extensions"))
        return cast(dict[str, Any], answer["data"])

    @property
    def core_types(self) -> frozenset[str]:
        """The names of the types of the core API."""
        return frozenset(load_schema(self._cache).executable.type_map)

    @property
    def engine(self) -> Any:
        """The engine that is served, which resolvers know as `ctx.engine`."""
        if self._execution is None:
            raise ApiError("the session is not open")
        return self._execution.engine

    @property
    def schema(self) -> Schema:
        """The schema that is served."""
        if self._schema is None:
            raise ApiError("the session is not open")
        return self._schema

    def close(self) -> None:
        """Cancel what runs, close the engine, end the thread. Closing twice is harmless."""
        if self._thread.is_alive() and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        if self._recursion_limit is not None:
            # Programs that test how deep they can go run on in this process.
            sys.setrecursionlimit(self._recursion_limit)
            self._recursion_limit = None
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - handed to the thread that opened or closes the session
            self._failure = error
        finally:
            self._started.set()

    async def _serve(self) -> None:
        opened = self._open_engine()
        engine: EngineLike = await opened if inspect.isawaitable(opened) else opened
        try:
            self._schema = load_schema(self._cache)
            self._execution = Execution(self._schema, engine, self.objects)
            application = Application(self._execution, self.token, self._modules, self._stage_of)
            server, self.port = await Server.start(application)
            self._stop = asyncio.Event()
            self._started.set()
            await self._stop.wait()
            await server.close()
        finally:
            await engine.close()
