"""The Dagger SDK in half the time. What it does is unchanged; some of it is done at first use.

Two thirds of the SDK's import are spent on work that a run hardly needs: run-time type checks are generated for each
of its 800 methods, and its HTTP client brings a command line along. Here a class gets its checks when one of its methods
is first called, and the command line is loaded when somebody asks for it. So it is with the converter of values that
the SDK makes for every call in a chain: one serves them all, but where a list of objects is made of an answer.
"""

from __future__ import annotations

import functools
import gc
import importlib
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from types import FunctionType, ModuleType
from typing import Any, Self, TypeVar

_PLAIN = (str, int, float, bool, str | None, int | None, float | None, bool | None, list[str], list[int])

ClassT = TypeVar("ClassT", bound=type)


def import_sdk() -> None:
    """Import `dagger` with its module support. The environment that it reads must be set already."""
    if "dagger" in sys.modules:
        return
    with _later_checks(), _later_command_line():
        importlib.import_module("dagger.mod")
    _later_converters(importlib.import_module("dagger.client._core"))
    gc.freeze()  # what was imported stays until the end: the collector need not look at it again and again


@contextmanager
def _later_checks() -> Iterator[None]:
    """While this lasts, a class that is decorated with configured checks gets them method by method, at first calls."""
    beartype = importlib.import_module("beartype")
    real = beartype.beartype

    def configured(*args: Any, **options: Any) -> Any:
        if args:
            return real(*args, **options)
        decorate = real(**options)
        return lambda target: _lazily(target, decorate) if isinstance(target, type) else decorate(target)

    vars(beartype)["beartype"] = configured
    try:
        yield
    finally:
        vars(beartype)["beartype"] = real


def _lazily(target: ClassT, decorate: Callable[[Any], Any]) -> ClassT:
    if hasattr(target, "__dataclass_fields__"):
        return decorate(target)  # type: ignore[no-any-return]  # its own __init__ is generated: few of these
    for name, method in list(vars(target).items()):
        if isinstance(method, FunctionType):
            setattr(target, name, _stand_in(target, name, method, decorate))
    return target


def _stand_in(target: type, name: str, method: FunctionType, decorate: Callable[[Any], Any]) -> Callable[..., Any]:
    """A function of the method's kind (a coroutine function stays one) that gives way to the checked method."""

    @functools.cache
    def checked() -> Callable[..., Any]:
        # `Self` has a meaning inside of a class only, and the method is decorated by itself.
        method.__annotations__ = {key: target if hint is Self else hint for key, hint in method.__annotations__.items()}
        made: Callable[..., Any] = decorate(method)
        if vars(target).get(name) is stand_in:  # what was replaced since then (by a test, say) is left alone
            setattr(target, name, made)
        return made

    @functools.wraps(method)
    def now(*args: Any, **arguments: Any) -> Any:
        return checked()(*args, **arguments)

    @functools.wraps(method)
    async def later(*args: Any, **arguments: Any) -> Any:
        return await checked()(*args, **arguments)

    stand_in: Callable[..., Any] = later if inspect.iscoroutinefunction(method) else now
    return stand_in


@contextmanager
def _later_command_line() -> Iterator[None]:
    """While this lasts, httpx does not import the command line that it has."""
    name = "httpx._main"
    if name in sys.modules or "httpx" in sys.modules:
        yield
        return
    stand_in = ModuleType(name)
    vars(stand_in)["main"] = lambda: importlib.import_module(name).main()
    sys.modules[name] = stand_in
    try:
        yield
    finally:
        del sys.modules[name]


def _later_converters(core: ModuleType) -> None:
    """Let a call's own converter be made when objects are to be made that belong to that call."""
    make: Callable[[Any], Any] = core.make_converter
    shared = functools.cache(lambda: make(None))

    class LaterConverter:
        """Converts as the SDK's converter does."""

        __slots__ = ("_context",)

        def __init__(self, context: Any) -> None:
            self._context = context

        def unstructure(self, value: Any) -> Any:
            """What goes into a request; no call matters here."""
            return shared().unstructure(value)

        def structure(self, value: Any, kind: Any) -> Any:
            """What came in an answer, as the type that the method returns."""
            plain = kind in _PLAIN or (isinstance(kind, type) and issubclass(kind, str | Enum))
            return (shared() if plain else make(self._context)).structure(value, kind)

    vars(core)["make_converter"] = LaterConverter
