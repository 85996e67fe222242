"""The module itself: loaded into this process, its functions called through the SDK as Dagger calls them.

A module in an environment of its own would be a second `Runtime`, in a child process.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import os
import re
import sys
from collections.abc import Iterator, Mapping
from importlib.machinery import PathFinder
from importlib.metadata import entry_points, version
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from embedded_engine.api import definitions
from embedded_engine.binding import ServedModule
from embedded_engine.cli.errors import FunctionError, ModuleLoadError
from embedded_engine.cli.module import ModuleSource
from embedded_engine.cli.sdk import import_sdk
from embedded_engine.session import Session

_LOCKED_SDK = re.compile(r'^name = "dagger-io"\nversion = "([^"]+)"', re.MULTILINE)


class Runtime(Protocol):
    """Where a module's code runs."""

    async def definitions(self) -> definitions.Module:
        """What the module registers."""

    async def call(
        self, object_name: str, state: Mapping[str, Any], function_name: str, inputs: Mapping[str, Any]
    ) -> Any:
        """Call a function (the constructor has no name) of an object in that state; everything is JSON, objects are ids."""


class InProcess:
    """Runs a module whose dependencies are those of this environment."""

    def __init__(self, source: ModuleSource, session: Session) -> None:
        self._source = source
        self._session = session
        _check_sdk(source)
        session.serve(ServedModule(source.name, str(source.source)))
        os.environ.update(source.environment(), **session.environment)
        _quiet_sdk()
        import_sdk()
        self._module = self._load()

    async def connect(self) -> None:
        """Connect the SDK to the session, once: its first requests must not race for the connection."""
        from dagger.client._session import SharedConnection

        with self._failures():
            await SharedConnection().connect()

    async def definitions(self) -> definitions.Module:
        """Register the module with the session, and read what it registered."""
        with self._failures():
            module_id = await self._module._typedefs()
        return self._session.objects.get(module_id, ("Module",))  # type: ignore[return-value]  # checked by its name

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
            raise FunctionError(f"what {name} returned is not what its signature says: {_line(error)}") from error

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
        except Exception as error:
            raise ModuleLoadError(f"cannot import the module {self._source.name}: {_line(error)}") from error
        module = getattr(main, "__dagger_module__", None)
        if module is None:
            raise ModuleLoadError(
                f"{package} has no object type {name} (@dagger.object_type) for the module {self._source.name}"
            )
        return module

    def _entry_point(self) -> tuple[str, str]:
        """The package and class of the main object: the project's entry point, else by the module's name."""
        project = _project_name(self._source.source)
        for point in entry_points(group="dagger.mod", name="main_object"):
            if point.dist is not None and _normal(point.dist.name) == _normal(project):
                return point.module, point.attr
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
        except Exception as error:  # noqa: BLE001 - whatever a module raises is shown in the same form
            # The SDK reads the environment when it is first imported, so nothing here may import it any earlier.
            from embedded_engine.cli.failures import failure_of, root_of

            raise failure_of(error) from root_of(error)


@contextlib.contextmanager
def empty_workdir() -> Iterator[None]:
    """Run with an empty working directory, as a module on Dagger does: it reads files through its arguments."""
    before = Path.cwd()
    with TemporaryDirectory(prefix="ci-module-") as directory:
        os.chdir(directory)
        try:
            yield
        finally:
            os.chdir(before)


def _check_sdk(source: ModuleSource) -> None:
    lock = source.source / "uv.lock"
    locked = _LOCKED_SDK.search(lock.read_text(encoding="utf-8")) if lock.is_file() else None
    here = version("dagger-io")
    if locked is not None and locked[1] not in (here, "0.0.0"):
        raise ModuleLoadError(
            f"the module {source.name} locks dagger-io {locked[1]} and this environment has {here}: lock the same one"
        )


def _project_name(source: Path) -> str:
    import tomllib

    try:
        return str(tomllib.loads((source / "pyproject.toml").read_text(encoding="utf-8"))["project"]["name"])
    except (OSError, KeyError, TypeError, tomllib.TOMLDecodeError):
        return ""


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _quiet_sdk() -> None:
    """The SDK logs a traceback for what a function raises; the command line shows one line of it, unless asked."""
    logger = logging.getLogger("dagger")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False


def _line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
