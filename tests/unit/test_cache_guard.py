"""Redis that is not there, or does not answer: its callers never notice more than a moment."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.cache.guard import RedisGuard, create_redis
from app.cache.hits import RedisHitCounter
from app.cache.items import RedisItemCache
from app.core.memory import MemoryHitCounter
from item_contract import an_item


class Server:
    """A server that takes connections and answers each command with the same bytes, or never."""

    def __init__(self, answer: bytes | None) -> None:
        self.answer = answer
        self.commands = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection until it closes."""
        while received := await reader.read(4096):
            # A client may send several commands at once; each is an array, and each gets its answer.
            commands = sum(line.startswith(b"*") for line in received.split(b"\r\n"))
            self.commands += commands
            if self.answer is not None:
                writer.write(self.answer * commands)
        writer.close()


@asynccontextmanager
async def guarded(server: Server, *, pause: float = 60) -> AsyncIterator[RedisGuard]:
    """A guard on a client of this server."""
    async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        guard = RedisGuard(create_redis(f"redis://127.0.0.1:{port}/0"), pause=pause)
        try:
            yield guard
        finally:
            await guard.aclose()


async def read(redis: Redis) -> str:
    """Send a simple command."""
    return str(await redis.get("key"))


async def test_a_silent_server_costs_its_callers_one_timeout(caplog: pytest.LogCaptureFixture) -> None:
    """After the first failure Redis is left alone for a while, and the log has one line of it."""
    server = Server(answer=None)
    async with guarded(server) as guard:
        with caplog.at_level(logging.INFO):
            assert [await guard.run(read, otherwise="stand-in") for _ in range(20)] == ["stand-in"] * 20
        attempts = server.commands
        assert await guard.run(read, otherwise="stand-in") == "stand-in"
        assert server.commands == attempts
    assert [record.message for record in caplog.records] == ["redis is down, serving without it"]


async def test_a_server_that_talks_nonsense_is_down() -> None:
    """What does not speak the protocol is no cache."""
    async with guarded(Server(answer=b"HTTP/1.1 400 Bad Request\r\n\r\n")) as guard:
        assert await guard.run(read, otherwise="stand-in") == "stand-in"
        with pytest.raises(RedisError):
            await guard.ping()


async def test_a_server_that_comes_back_is_used_again(caplog: pytest.LogCaptureFixture) -> None:
    """After the pause Redis is asked again, and the log tells that it is back."""
    server = Server(answer=b"-LOADING later\r\n")
    async with guarded(server, pause=0) as guard:
        with caplog.at_level(logging.INFO):
            assert await guard.run(read, otherwise="stand-in") == "stand-in"
            assert await guard.run(read, otherwise="stand-in") == "stand-in"
            server.answer = b"+value\r\n"
            assert await guard.run(read, otherwise="stand-in") == "value"
    assert [record.message for record in caplog.records] == ["redis is down, serving without it", "redis is back"]


async def test_without_redis_the_cache_is_empty() -> None:
    """A cache without its Redis takes everything and has nothing."""
    lookups: list[bool] = []
    async with guarded(Server(answer=None)) as guard:
        cache, item = RedisItemCache(guard, seconds=60, observe=lookups.append), an_item()
        await cache.put(item)
        assert await cache.get(item.id) is None
        await cache.remove(item.id)
    assert lookups == [False]


async def test_without_redis_hits_are_counted_in_the_process() -> None:
    """The count goes on without Redis, from one."""
    async with guarded(Server(answer=None)) as guard:
        counter = RedisHitCounter(guard, window_seconds=60, fallback=MemoryHitCounter())
        assert [await counter.hit("client", window=1) for _ in range(3)] == [1, 2, 3]
