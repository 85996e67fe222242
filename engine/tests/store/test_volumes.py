"""Cache volumes."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest

from embedded_engine.store import Store


def test_a_volume_outlives_its_session(store: Store) -> None:
    """What is written under a key is there for the next one who asks, and for no other key."""
    place = store.volumes.path("pip \udcff/../x")
    assert stat.S_IMODE(place.stat().st_mode) == 0o755
    (place / "wheel").write_text("cached")
    with Store.open(store.root) as other:
        assert (other.volumes.path("pip \udcff/../x") / "wheel").read_text() == "cached"
        assert list(other.volumes.path("other").iterdir()) == []


def test_a_volume_is_filled_once_and_whole(store: Store) -> None:
    """The filling runs when the volume is new; if it fails there is no volume."""

    def fail(place: Path) -> None:
        (place / "half").touch()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.volumes.path("key", fail)
    place = store.volumes.path("key", lambda place: (place / "seed").touch())
    assert [path.name for path in place.iterdir()] == ["seed"]
    assert store.volumes.path("key", fail) == place


async def test_a_locked_volume_is_used_by_one_at_a_time(store: Store) -> None:
    """The second user waits until the first has ended."""
    order: list[str] = []

    async def work(name: str) -> None:
        async with store.volumes.use("key", "LOCKED"):
            order.append(f"{name} in")
            await asyncio.sleep(0.02)
            order.append(f"{name} out")

    await asyncio.gather(work("a"), work("b"))
    assert [entry.split()[1] for entry in order] == ["in", "out", "in", "out"]


async def test_a_shared_volume_is_used_together(store: Store) -> None:
    """Nobody waits."""
    async with store.volumes.use("key") as first, store.volumes.use("key") as second:
        assert first == second


async def test_a_private_volume_is_another_one_while_it_is_in_use(store: Store) -> None:
    """Concurrent users get volumes of their own, a later one gets the first again."""
    async with store.volumes.use("key", "PRIVATE") as first, store.volumes.use("key", "PRIVATE") as second:
        assert first != second
    async with store.volumes.use("key", "PRIVATE") as again:
        assert again == first
