"""Single flight: a piece of work runs once, however many ask for it, and is cancelled when nobody waits any more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

ResultT = TypeVar("ResultT")


class SingleFlight:
    """Remembers results by key for its life. A failure is not remembered: whoever asks next tries again."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[Any]] = {}
        self._waiting: dict[str, int] = {}

    async def run(self, key: str, work: Callable[[], Awaitable[ResultT]]) -> ResultT:
        """The result of `work`, shared with everyone who asked for `key`."""
        task = self._tasks.get(key)
        if task is None:
            task = asyncio.ensure_future(_call(work))
            self._tasks[key] = task
        if task.done():
            return cast(ResultT, task.result())
        self._waiting[key] = self._waiting.get(key, 0) + 1
        try:
            return cast(ResultT, await asyncio.shield(task))
        except BaseException:
            if self._tasks.get(key) is task and (task.done() or self._waiting[key] == 1):
                del self._tasks[key]
            raise
        finally:
            self._waiting[key] -= 1
            if not self._waiting[key]:
                del self._waiting[key]
                if not task.done():
                    task.cancel()

    async def cancel(self) -> None:
        """Cancel what still runs and wait until it has let go."""
        running = [task for task in self._tasks.values() if not task.done()]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _call(work: Callable[[], Awaitable[ResultT]]) -> ResultT:
    return await work()
