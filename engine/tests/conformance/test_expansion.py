"""Variables in arguments, paths and values: `$NAME` and `${NAME}`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import dagger
from dagger import dag

from web import fetch

Failure = Callable[[Awaitable[object]], Awaitable[str]]


def files() -> dagger.Directory:
    """Two files, one of them in a directory."""
    return dag.directory().with_new_file("a", "A").with_new_file("sub/b", "B")


async def test_unset_variables_are_nothing(python: dagger.Container) -> None:
    """An unset variable expands to nothing."""
    assert await python.with_exec(["echo", "a${NONE}b", "$NONE"], expand=True).stdout() == "ab \n"


async def test_there_are_no_defaults(python: dagger.Container) -> None:
    """A default as shells have it is part of a name that no variable has."""
    assert await python.with_exec(["echo", "a${NONE:-x}b"], expand=True).stdout() == "ab\n"


async def test_dollars_that_name_nothing(python: dagger.Container) -> None:
    """A dollar sign that names nothing stays, and special parameters are empty."""
    assert (
        await python.with_env_variable("A", "v")
        .with_exec(["echo", "$$A", "\\$A", "a$", "$1", "${A}x", "$A-$A"], expand=True)
        .stdout()
        == "A \\v a$  vx v-v\n"
    )


async def test_a_brace_that_stays_open(python: dagger.Container) -> None:
    """A brace that is never closed goes away with its dollar sign."""
    assert await python.with_env_variable("A", "v").with_exec(["echo", "${A"], expand=True).stdout() == "A\n"


async def test_nothing_expands_unasked(python: dagger.Container) -> None:
    """Values and arguments are taken as they are unless asked otherwise."""
    assert (
        await python.with_env_variable("A", "v").with_env_variable("B", "$A").with_exec(["echo", "$A"]).stdout()
        == "$A\n"
    )


async def test_arguments_refuse_volatile_variables(python: dagger.Container, unique: str, failure: Failure) -> None:
    """A volatile variable cannot be expanded into an argument."""
    assert (
        await failure(python.with_volatile_variable("V", "1").with_exec(["echo", "$V"], expand=True).stdout())
        == 'expand cannot be used with volatile env variable "V"'
    )


async def test_values_refuse_volatile_variables(python: dagger.Container, unique: str, failure: Failure) -> None:
    """A volatile variable cannot be expanded into another variable."""
    assert (
        await failure(python.with_volatile_variable("V", "1").with_env_variable("W", "$V", expand=True).sync())
        == 'expand cannot be used with volatile env variable "V"'
    )


async def test_a_volatile_variable_hides_another(python: dagger.Container, unique: str) -> None:
    """A volatile variable hides one of its name, which is read and comes back when it is removed."""
    made = python.with_env_variable("V", "p").with_volatile_variable("V", "v")
    assert await made.env_variable("V") == "p"
    assert await made.with_exec(["sh", "-c", "echo $V"]).stdout() == "v\n"
    assert await made.without_volatile_variable("V").with_exec(["sh", "-c", "echo $V"]).stdout() == "p\n"


async def test_a_volatile_variable_does_not_count(python: dagger.Container, unique: str) -> None:
    """Another value of a volatile variable runs nothing again."""
    made = python.with_env_variable("U", unique)
    a = await made.with_volatile_variable("V", "1").with_exec(["sh", "-c", "echo $V"]).stdout()
    b = await made.with_volatile_variable("V", "2").with_exec(["sh", "-c", "echo $V"]).stdout()
    assert a == "1\n"
    assert b == "1\n"


async def test_services_see_no_volatile_variables(python: dagger.Container, unique: str) -> None:
    """A service does not have volatile variables."""
    svc = (
        python.with_env_variable("U", unique)
        .with_volatile_variable("V", "vv")
        .with_exposed_port(8000)
        .as_service(args=["sh", "-c", 'mkdir /w; cd /w; echo "<$V>" > index.html; exec python3 -m http.server 8000'])
    )
    assert await fetch(python.with_service_binding("s", svc), "http://s:8000") == "<>"


async def test_mount_targets_expand(python: dagger.Container) -> None:
    """Variables in the targets of mounts are expanded, to mount and to unmount."""
    made = python.with_env_variable("D", "m").with_mounted_directory("/$D", files(), expand=True)
    assert await made.mounts() == ["/m"]
    assert await made.without_mount("/${D}", expand=True).mounts() == []


async def test_paths_below_mounts_expand(python: dagger.Container) -> None:
    """Variables in paths that are read are expanded."""
    made = python.with_env_variable("X", "sub").with_mounted_directory("/m", files())
    assert await made.directory("/m/$X", expand=True).entries() == ["b"]
    assert await made.file("/m/${X}/b", expand=True).contents() == "B"
