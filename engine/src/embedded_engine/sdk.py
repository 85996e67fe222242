"""The Dagger SDK in this process, imported without the work that a run may never need.

Its generated client checks argument types at run time. Compiling those checks for all of its classes takes most of
the time of `import dagger`; here a class compiles its own when one of its methods is first called. The checks are the
same, and so is what they raise.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType
from typing import Any


def import_dagger() -> None:
    """Import `dagger`, unless it is here already."""
    if "dagger" not in sys.modules:
        with _checks_on_first_use():
            importlib.import_module("dagger")


@contextmanager
def _checks_on_first_use() -> Iterator[None]:
    """While this lasts, a class that is given to beartype keeps its methods unchecked until one is called."""
    import beartype

    eager = beartype.beartype

    def deferring(subject: Any = None, **options: Any) -> Any:
        if subject is None:
            return lambda decorated: deferring(decorated, **options)
        check = eager(**options) if options else eager
        return _deferred(subject, check) if inspect.isclass(subject) else check(subject)

    beartype.beartype = deferring  # type: ignore[assignment]  # its overloads are many; these two uses are the SDK's
    try:
        yield
    finally:
        beartype.beartype = eager


def _deferred(subject: type, check: Callable[[type], type]) -> type:
    """The class, each of whose functions first puts all of them back, has them checked, and then does its work."""
    plain = {name: member for name, member in vars(subject).items() if isinstance(member, FunctionType)}
    stand_ins: dict[str, Callable[..., Any]] = {}

    def compile_checks() -> None:
        # What was replaced since then (by a test, say) is left alone.
        for name, member in plain.items():
            if vars(subject).get(name) is stand_ins[name]:
                setattr(subject, name, member)
        check(subject)

    for name, member in plain.items():
        stand_ins[name] = _stand_in(subject, name, member, compile_checks)
        setattr(subject, name, stand_ins[name])
    return subject


def _stand_in(
    subject: type, name: str, member: FunctionType, compile_checks: Callable[[], None]
) -> Callable[..., Any]:
    """A function of the same kind (a coroutine function stays one) that gives way to the checked one."""

    def checked() -> Callable[..., Any]:
        if vars(subject)[name] in (call, call_async):
            compile_checks()
        return vars(subject)[name]  # type: ignore[no-any-return]  # a class's namespace holds anything

    @functools.wraps(member)
    def call(*args: Any, **kwargs: Any) -> Any:
        return checked()(*args, **kwargs)

    @functools.wraps(member)
    async def call_async(*args: Any, **kwargs: Any) -> Any:
        return await checked()(*args, **kwargs)

    return call_async if inspect.iscoroutinefunction(member) else call
