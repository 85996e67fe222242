"""Cache volumes: what they keep, for whom, and in whose name."""

from __future__ import annotations

import asyncio

import dagger
import pytest
from dagger import CacheSharingMode, dag

from until import until


async def test_a_cache_keeps_what_is_written(python: dagger.Container, unique: str) -> None:
    """A later execution finds what an earlier one wrote, also in another container."""
    cache = dag.cache_volume(f"keeps-{unique}")
    mounted = python.with_mounted_cache("/c", cache)
    await mounted.with_exec(["sh", "-c", f"echo {unique} > /c/f"]).sync()
    assert await mounted.with_env_variable("LATER", "1").with_exec(["cat", "/c/f"]).stdout() == f"{unique}\n"


async def test_caches_of_other_names_are_others(python: dagger.Container, unique: str) -> None:
    """A cache has its own contents."""
    one, two = dag.cache_volume(f"one-{unique}"), dag.cache_volume(f"two-{unique}")
    await python.with_mounted_cache("/c", one).with_exec(["touch", "/c/f"]).sync()
    assert await python.with_mounted_cache("/c", two).with_exec(["ls", "/c"]).stdout() == ""


async def test_the_contents_of_a_cache_do_not_count(python: dagger.Container, unique: str) -> None:
    """An execution is not run again because its cache has changed."""
    mounted = python.with_mounted_cache("/c", dag.cache_volume(f"count-{unique}"))
    count = mounted.with_exec(["sh", "-c", "echo x >> /c/f; wc -l < /c/f"])
    assert await count.stdout() == "1\n"
    await mounted.with_exec(["sh", "-c", "echo other >> /c/f"]).sync()
    assert await count.stdout() == "1\n"


async def test_a_cache_begins_with_its_source(python: dagger.Container, unique: str) -> None:
    """A cache that is mounted with a source has its files on first use."""
    mounted = python.with_mounted_cache(
        "/c", dag.cache_volume(f"source-{unique}"), source=dag.directory().with_new_file("seed", "x")
    )
    assert await mounted.with_exec(["ls", "/c"]).stdout() == "seed\n"


async def test_a_cache_with_an_owner(python: dagger.Container, unique: str) -> None:
    """A cache that is mounted for a user can be written by them."""
    mounted = python.with_mounted_cache("/c", dag.cache_volume(f"owner-{unique}"), owner="nobody").with_user("nobody")
    assert await mounted.with_exec(["sh", "-c", "touch /c/f && stat -c %U /c /c/f"]).stdout() == "nobody\nnobody\n"


async def test_a_cache_cannot_be_read_from_outside(python: dagger.Container, unique: str) -> None:
    """A directory of a cache cannot be asked for."""
    mounted = python.with_mounted_cache("/c", dag.cache_volume(f"read-{unique}"))
    with pytest.raises(dagger.QueryError, match="cache"):
        await mounted.directory("/c").entries()


async def test_a_cache_does_not_count_as_part_of_the_root(python: dagger.Container, unique: str) -> None:
    """Nothing of a cache is in the container without it, not even its place."""
    made = python.with_mounted_cache("/c", dag.cache_volume(f"root-{unique}")).with_exec(["touch", "/c/f"])
    assert not await made.without_mount("/c").exists("/c")


async def test_a_locked_cache_has_one_user_at_a_time(python: dagger.Container, unique: str) -> None:
    """Executions on a locked cache take turns."""
    mounted = python.with_mounted_cache("/c", dag.cache_volume(f"locked-{unique}"), sharing=CacheSharingMode.LOCKED)
    script = "test ! -e /c/busy && touch /c/busy && sleep 0.2 && rm /c/busy && echo alone"
    runs = [mounted.with_env_variable("N", str(n)).with_exec(["sh", "-c", script]).stdout() for n in range(3)]
    assert await asyncio.gather(*runs) == ["alone\n"] * 3


async def test_a_shared_cache_has_many_users(python: dagger.Container, unique: str) -> None:
    """Executions on a shared cache run at the same time and see each other."""
    mounted = python.with_mounted_cache("/c", dag.cache_volume(f"shared-{unique}"))
    meet = until("touch /c/$N && test -e /c/0 && test -e /c/1 && echo met")
    runs = [mounted.with_env_variable("N", str(n)).with_exec(meet).stdout() for n in range(2)]
    assert await asyncio.gather(*runs) == ["met\n"] * 2


async def test_a_failed_execution_leaves_its_cache(python: dagger.Container, unique: str) -> None:
    """What a failing command wrote to a cache stays."""
    mounted = python.with_mounted_cache("/c", dag.cache_volume(f"failed-{unique}"))
    with pytest.raises(dagger.ExecError):
        await mounted.with_exec(["sh", "-c", "touch /c/f; exit 1"]).sync()
    assert await mounted.with_exec(["ls", "/c"]).stdout() == "f\n"
