"""What must run again, and what must not; what runs at all."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import dagger
import pytest
from dagger import ReturnType, dag

from until import until

STAMP = ["cat", "/proc/sys/kernel/random/uuid"]
"""A command whose output tells one execution from another."""


async def test_the_same_execution_is_done_once(fresh: dagger.Container) -> None:
    """Asking twice runs once."""
    assert await fresh.with_exec(STAMP).stdout() == await fresh.with_exec(STAMP).stdout()


async def test_executions_at_the_same_time_are_done_once(fresh: dagger.Container) -> None:
    """Asking eight times at once runs once."""
    slow = fresh.with_exec(["sh", "-c", "sleep 0.2; cat /proc/sys/kernel/random/uuid"])
    assert len(set(await asyncio.gather(*(slow.stdout() for _ in range(8))))) == 1


async def test_output_and_files_are_of_one_execution(fresh: dagger.Container) -> None:
    """Asking for the output and then for a file runs once."""
    ran = fresh.with_exec(["sh", "-c", "tee /f < /proc/sys/kernel/random/uuid"])
    assert await ran.stdout() == await ran.file("/f").contents()


async def test_a_changed_variable_runs_again(fresh: dagger.Container) -> None:
    """Another value of a variable is another execution, the first one again is the first one."""
    one = await fresh.with_env_variable("A", "1").with_exec(STAMP).stdout()
    two = await fresh.with_env_variable("A", "2").with_exec(STAMP).stdout()
    assert one != two
    assert await fresh.with_env_variable("A", "1").with_exec(STAMP).stdout() == one


async def test_changed_arguments_run_again(fresh: dagger.Container) -> None:
    """Other arguments are another execution."""
    one = await fresh.with_exec(["sh", "-c", "cat /proc/sys/kernel/random/uuid", "1"]).stdout()
    assert one != await fresh.with_exec(["sh", "-c", "cat /proc/sys/kernel/random/uuid", "2"]).stdout()


async def test_a_changed_file_in_a_mount_runs_again(fresh: dagger.Container) -> None:
    """Another content of a mounted directory is another execution."""

    async def stamp(content: str) -> str:
        return (
            await fresh.with_mounted_directory("/m", dag.directory().with_new_file("f", content))
            .with_exec(STAMP)
            .stdout()
        )

    one, two = await stamp("1"), await stamp("2")
    assert one != two
    assert await stamp("1") == one


async def test_a_file_beside_a_mounted_file_runs_nothing_again(fresh: dagger.Container) -> None:
    """A mounted file counts by itself, not by the directory it is in."""

    async def stamp(content: str) -> str:
        source = dag.directory().with_new_file("f", "same").with_new_file("other", content)
        return await fresh.with_mounted_file("/f", source.file("f")).with_exec(STAMP).stdout()

    assert await stamp("1") == await stamp("2")


async def test_an_unchanged_host_directory_runs_nothing_again(fresh: dagger.Container, tmp_path: Path) -> None:
    """A host directory counts by its contents: other modification times run nothing again."""
    (tmp_path / "f").write_text("same")

    async def stamp() -> str:
        return (
            await fresh.with_directory("/m", dag.host().directory(str(tmp_path), no_cache=True))
            .with_exec(STAMP)
            .stdout()
        )

    one = await stamp()
    os.utime(tmp_path / "f", (1, 1))
    assert await stamp() == one


async def test_a_changed_host_directory_runs_again(fresh: dagger.Container, tmp_path: Path) -> None:
    """A changed file of a host directory is seen by the next request for it."""

    async def read() -> str:
        source = dag.host().directory(str(tmp_path), no_cache=True)
        return await fresh.with_mounted_directory("/m", source).with_exec(["cat", "/m/f"]).stdout()

    (tmp_path / "f").write_text("one")
    assert await read() == "one"
    (tmp_path / "f").write_text("two")
    assert await read() == "two"


async def test_a_failure_is_not_kept(fresh: dagger.Container, unique: str) -> None:
    """A failed execution runs again when it is asked for again."""
    cache = dag.cache_volume(f"failure-{unique}")
    failing = fresh.with_mounted_cache("/c", cache).with_exec(["sh", "-c", "echo x >> /c/f; test $(wc -l < /c/f) = 2"])
    with pytest.raises(dagger.ExecError):
        await failing.sync()
    await failing.sync()


async def test_an_expected_failure_is_kept(fresh: dagger.Container) -> None:
    """An expected failure is a result like any other: asked twice, run once."""
    failing = fresh.with_exec(["sh", "-c", "cat /proc/sys/kernel/random/uuid; exit 1"], expect=ReturnType.ANY)
    assert await failing.stdout() == await failing.stdout()


async def test_a_branch_that_nobody_asked_for_does_not_run(fresh: dagger.Container, unique: str) -> None:
    """Of two chains that begin alike only the one that is asked for runs."""
    mounted = fresh.with_mounted_cache("/c", dag.cache_volume(f"branch-{unique}"))
    start = mounted.with_exec(["sh", "-c", "echo start >> /c/log"])
    start.with_exec(["sh", "-c", "echo unused >> /c/log"])
    await start.with_exec(["sh", "-c", "echo used >> /c/log"]).sync()
    assert await mounted.with_env_variable("N", "1").with_exec(["cat", "/c/log"]).stdout() == "start\nused\n"


async def test_independent_executions_run_at_the_same_time(fresh: dagger.Container, unique: str) -> None:
    """Two executions that do not need each other overlap."""
    mounted = fresh.with_mounted_cache("/c", dag.cache_volume(f"overlap-{unique}"))
    pair = [mounted.with_exec(until(f"touch /c/{a} && test -e /c/{b}")) for a, b in (("x", "y"), ("y", "x"))]
    await asyncio.gather(*(each.sync() for each in pair))


async def test_many_executions_at_once(fresh: dagger.Container) -> None:
    """Sixteen executions at once each give their own result."""
    runs = [fresh.with_env_variable("N", str(n)).with_exec(["sh", "-c", "echo $N"]).stdout() for n in range(16)]
    assert await asyncio.gather(*runs) == [f"{n}\n" for n in range(16)]


async def test_identities(python: dagger.Container) -> None:
    """An object can be found again by its id."""
    directory = dag.directory().with_new_file("f", "x")
    again = (
        dag.load_directory_from_id(dagger.DirectoryID(await directory.id()))
        if hasattr(dag, "load_directory_from_id")
        else directory
    )
    assert await again.entries() == ["f"]


async def test_a_given_up_request_stops_its_execution(fresh: dagger.Container, unique: str) -> None:
    """An execution that nobody waits for any more is ended."""
    mounted = fresh.with_mounted_cache("/c", dag.cache_volume(f"given-up-{unique}"))
    slow = asyncio.ensure_future(mounted.with_exec(until("echo x >> /c/beats; false")).stdout())
    await mounted.with_exec(until("test -e /c/beats")).sync()
    slow.cancel()
    still = "for i in $(seq 30); do n=$(wc -c < /c/beats); sleep 1; test $n = $(wc -c < /c/beats) && exit; done; exit 1"
    await mounted.with_exec(["sh", "-c", still]).sync()
