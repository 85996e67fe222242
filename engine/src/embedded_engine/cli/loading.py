"""A module's code, loaded into the process that this runs in, its functions called as Dagger calls them.

That is the process of the command line for a module whose dependencies are all here, else a child process in an
environment of the module's own.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import logging
import sys
from collections.abc import Iterator, Mapping
from importlib.machinery import PathFinder
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from embedded_engine.cli.errors import FunctionError, ModuleLoadError
from embedded_engine.cli.module import ModuleSource
from embedded_engine.cli.project import Project


class LoadedModule:
    """A module in this process. The environment that the SDK reads must be set, and the SDK imported, already."""

    def __init__(self, source: ModuleSource) -> None:
        self._source = source
        _quiet_sdk()
        self._module = self._load()
        self._require_known_sdk()

    async def connect(self) -> None:
        """Connect the SDK to the session, once: its first requests must not race for the connection."""
        from dagger.client._session import SharedConnection

        with self._failures():
            await SharedConnection().connect()

    async def reconnect(self) -> None:
        """Connect again, to the same session with another schema."""
        await self.close()
        await self.connect()

    async def register(self) -> str:
        """Register what the module defines with the session; the id of that."""
        with self._failures():
            return str(await self._module._typedefs())

    async def call(
        self, object_name: str, state: Mapping[str, Any], function_name: str, inputs: Mapping[str, Any]
    ) -> Any:
        """Call through the SDK; what would not travel as JSON on Dagger fails here too."""
        with self._failures():
            result = await self._module.get_result(object_name, state, function_name, inputs)
        try:
            return json.loads(json.dumps(result))
        except (TypeError, ValueError) as error:
            name = f"{object_name}.{function_name}" if function_name else object_name
            raise FunctionError(f"what {name} returned is not what its signature says: {one_line(error)}") from error

    async def close(self) -> None:
        """Hang up on the session."""
        from dagger.client._session import SharedConnection

        await SharedConnection().close()

    def _load(self) -> Any:
        package, name = self._entry_point()
        try:
            main = getattr(importlib.import_module(package), name, None)
        except ModuleNotFoundError as error:
            missing = error.name or str(error)
            raise ModuleLoadError(
                f"the module {self._source.name} needs {missing!r}, which is not installed in this environment: uv sync"
            ) from error
        except (Exception, SystemExit) as error:
            raise ModuleLoadError(f"cannot import the module {self._source.name}: {one_line(error)}") from error
        module = getattr(main, "__dagger_module__", None)
        if module is None:
            raise ModuleLoadError(
                f"{package} has no object type {name} (@dagger.object_type) for the module {self._source.name}"
            )
        return module

    def _require_known_sdk(self) -> None:
        """Functions are called by two methods that the SDK has not always had; one without them is refused by name."""
        if not all(hasattr(self._module, name) for name in ("_typedefs", "get_result")):
            raise ModuleLoadError(
                f"the module {self._source.name} locks {sdk_version()}, which this engine does not serve: "
                "let it require dagger-io>=0.21 (uv lock --upgrade-package dagger-io)"
            )

    def _entry_point(self) -> tuple[str, str]:
        """The package and class of the main object: the project's entry point, else by the module's name."""
        named = Project.read(self._source.source).entry_point
        if named is not None:
            package, _, name = named.partition(":")
            self._make_importable(package.partition(".")[0])
            return package, name.partition(" ")[0]
        for package in (self._source.package, "main"):
            if self._make_importable(package):
                return package, self._source.main_object
        raise ModuleLoadError(
            f"the module {self._source.name} has no package {self._source.package!r} in {self._source.source}"
        )

    def _make_importable(self, package: str) -> bool:
        """Whether the module's package can be imported from here, if need be straight from its source."""
        spec = find_spec(package)
        if (
            spec is not None
            and spec.origin is not None
            and Path(spec.origin).resolve().is_relative_to(self._source.source)
        ):
            return True
        for place in (self._source.source / "src", self._source.source):
            if PathFinder.find_spec(package, [str(place)]) is not None:
                sys.path.insert(0, str(place))
                importlib.invalidate_caches()
                return True
        return False

    @contextlib.contextmanager
    def _failures(self) -> Iterator[None]:
        """Give what a function raises the form in which the command line shows it."""
        try:
            yield
        except SystemExit as error:
            code = _exit_code(error)
            raise FunctionError(f"the function ended its process: exit code {code}", exit_code=code or 1) from error
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise FunctionError("the function cancelled itself") from error
        except Exception as error:  # noqa: BLE001 - whatever a module raises is shown in the same form
            # The SDK reads the environment when it is first imported, so nothing here may import it any earlier.
            from embedded_engine.cli.failures import failure_of, root_of

            raise failure_of(error) from root_of(error)


def _exit_code(error: SystemExit) -> int:
    if error.code is None or isinstance(error.code, int):
        return error.code or 0
    return 1


def _quiet_sdk() -> None:
    """The SDK logs a traceback for what a function raises; the command line shows one line of it, unless asked."""
    logger = logging.getLogger("dagger")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False


def sdk_version() -> str:
    """Which SDK is installed here, in words."""
    try:
        return f"dagger-io {version('dagger-io')}"
    except PackageNotFoundError:
        return "dagger-io is not installed"


def one_line(error: BaseException) -> str:
    """An error and its type."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
