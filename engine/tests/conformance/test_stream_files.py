"""Streams that come from, or go to, files of mounts, volumes and secrets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import dagger
from dagger import dag

ExecutionFailure = Callable[[Awaitable[object]], Awaitable[tuple[int, str, str]]]
PLAIN = "hunter2-and-more"


async def test_stdin_from_a_secret(fresh: dagger.Container) -> None:
    """Standard input can be a mounted secret."""
    made = fresh.with_mounted_secret("/mnt/secret", dag.set_secret("stdin", "secret stdin"))
    ran = made.with_exec(["tr", "a-z", "A-Z"], redirect_stdin="/mnt/secret", redirect_stdout="/out")
    assert await ran.file("/out").contents() == "SECRET STDIN"


async def test_stdin_and_output_of_a_mount(fresh: dagger.Container) -> None:
    """Standard input and output can be files of a mounted directory."""
    mount = dag.directory().with_new_file("input.txt", "redirected")
    ran = fresh.with_mounted_directory("/mnt", mount).with_exec(
        ["cat"], redirect_stdin="/mnt/input.txt", redirect_stdout="/mnt/out"
    )
    assert await ran.file("/mnt/out").contents() == "redirected"


async def test_stdin_from_a_mounted_file(fresh: dagger.Container) -> None:
    """Standard input can be a mounted file."""
    file = dag.directory().with_new_file("f", "mounted").file("f")
    assert await fresh.with_mounted_file("/in", file).with_exec(["cat"], redirect_stdin="/in").stdout() == "mounted"


async def test_stdin_from_a_cache(fresh: dagger.Container, unique: str) -> None:
    """Standard input can be a file of a cache volume."""
    made = fresh.with_mounted_cache("/c", dag.cache_volume(unique)).with_exec(["sh", "-c", "echo cached > /c/in"])
    assert await made.with_exec(["cat"], redirect_stdin="/c/in").stdout() == "cached\n"


async def test_output_to_a_cache(fresh: dagger.Container, unique: str) -> None:
    """Output can go to a file of a cache volume."""
    made = fresh.with_mounted_cache("/c", dag.cache_volume(unique)).with_exec(["echo", "x"], redirect_stdout="/c/out")
    assert await made.with_exec(["cat", "/c/out"]).stdout() == "x\n"


async def test_paths_of_output_expand(fresh: dagger.Container) -> None:
    """Variables in the path that output goes to are expanded on demand."""
    made = fresh.with_env_variable("DIR", "/tmp").with_exec(["echo", "x"], redirect_stdout="${DIR}/out", expand=True)
    assert await made.file("/tmp/out").contents() == "x\n"


async def test_paths_of_stdin_expand(fresh: dagger.Container) -> None:
    """Variables in the path that standard input comes from are expanded on demand."""
    made = (
        fresh.with_env_variable("N", "in")
        .with_new_file("/in", "i")
        .with_exec(["cat"], redirect_stdin="/$N", expand=True)
    )
    assert await made.stdout() == "i"


async def test_streams_are_no_terminals(fresh: dagger.Container) -> None:
    """None of the three streams is a terminal."""
    assert (
        await fresh.with_exec(
            ["sh", "-c", "test -t 0 || echo no0; test -t 1 || echo no1; test -t 2 || echo no2"]
        ).stdout()
        == "no0\nno1\nno2\n"
    )


async def test_late_output_is_lost(fresh: dagger.Container) -> None:
    """A command ends when its process does, whatever it left in the background still writes."""
    assert await fresh.with_exec(["sh", "-c", "(sleep 0.5; echo late) & echo early"]).stdout() == "early\n"


async def test_megabytes_of_stdin(fresh: dagger.Container) -> None:
    """Megabytes can be given as standard input."""
    assert await fresh.with_exec(["wc", "-c"], stdin="x" * 3_000_000).stdout() == "3000000\n"


async def test_a_failure_tells_redirected_output(fresh: dagger.Container, execution_failure: ExecutionFailure) -> None:
    """A failure tells the output that went to files."""
    ran = fresh.with_exec(["sh", "-c", "echo a; echo b>&2; exit 4"], redirect_stdout="/o", redirect_stderr="/e")
    assert await execution_failure(ran.sync()) == (4, "a", "b")


async def test_a_masked_stream_in_a_file(fresh: dagger.Container) -> None:
    """A secret is masked in the file that a stream goes to as well as in the stream."""
    made = fresh.with_secret_variable("T", dag.set_secret("red", PLAIN)).with_exec(
        ["sh", "-c", 'echo "$T"'], redirect_stdout="/o"
    )
    assert await made.file("/o").contents() == "***\n"
    assert await made.stdout() == "***\n"
