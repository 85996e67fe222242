"""Environment variables, their expansion, working directories, users."""

from __future__ import annotations

import dagger
import pytest


async def test_a_variable_reaches_the_command(python: dagger.Container) -> None:
    """A variable that is set is in the environment of what runs after it."""
    assert await python.with_env_variable("WORD", "a b").with_exec(["sh", "-c", 'echo "$WORD"']).stdout() == "a b\n"


async def test_a_variable_that_is_set_twice_has_its_last_value(python: dagger.Container) -> None:
    """The last value counts, and the variable is there once."""
    twice = python.with_env_variable("WORD", "one").with_env_variable("WORD", "two")
    assert await twice.with_exec(["sh", "-c", "env | grep ^WORD"]).stdout() == "WORD=two\n"


async def test_order_matters_for_variables(python: dagger.Container) -> None:
    """A variable that is set after an execution was not there for it."""
    ran = python.with_exec(["sh", "-c", "echo ${LATE-unset}"]).with_env_variable("LATE", "set")
    assert await ran.stdout() == "unset\n"


async def test_a_removed_variable_is_unset(python: dagger.Container) -> None:
    """A variable that is removed is not in the environment, nor told."""
    removed = python.with_env_variable("WORD", "x").without_env_variable("WORD")
    assert await removed.with_exec(["sh", "-c", "echo ${WORD-unset}"]).stdout() == "unset\n"
    assert await removed.env_variable("WORD") is None


async def test_a_variable_can_be_empty(python: dagger.Container) -> None:
    """An empty value is a value."""
    empty = python.with_env_variable("EMPTY", "")
    assert await empty.env_variable("EMPTY") == ""
    assert await empty.with_exec(["sh", "-c", "echo ${EMPTY-unset}."]).stdout() == ".\n"


async def test_expansion_uses_the_containers_variables(python: dagger.Container) -> None:
    """With `expand` a value takes in variables that were set before it; unknown ones are empty."""
    made = python.with_env_variable("A", "one").with_env_variable("B", "$A/${A}/${NOBODY}.", expand=True)
    assert await made.env_variable("B") == "one/one/."


async def test_without_expansion_values_are_taken_as_they_are(python: dagger.Container) -> None:
    """A dollar sign means nothing unless expansion is asked for."""
    assert await python.with_env_variable("B", "$PATH").env_variable("B") == "$PATH"


async def test_path_can_be_extended(python: dagger.Container) -> None:
    """The usual way to extend PATH works, also for finding the command."""
    made = (
        python.with_env_variable("PATH", "/opt/tools:${PATH}", expand=True)
        .with_new_file("/opt/tools/tool", "#!/bin/sh\necho found\n", permissions=0o755)
        .with_exec(["tool"])
    )
    assert await made.stdout() == "found\n"


async def test_arguments_expand_on_demand(python: dagger.Container) -> None:
    """`expand` on an execution replaces variables in its arguments."""
    made = python.with_env_variable("NAME", "world").with_exec(["echo", "hello ${NAME}", "$NAME!"], expand=True)
    assert await made.stdout() == "hello world world!\n"


async def test_paths_expand_on_demand(python: dagger.Container) -> None:
    """`expand` on a file's path replaces variables in it."""
    made = python.with_env_variable("PLACE", "/place").with_new_file("${PLACE}/file", "x", expand=True)
    assert await made.file("$PLACE/file", expand=True).contents() == "x"


async def test_variables_are_listed_in_order(python: dagger.Container) -> None:
    """Variables are listed as they were set, and a new value keeps the old place."""
    made = python.with_env_variable("ZED", "1").with_env_variable("ABC", "2").with_env_variable("ZED", "3")
    listed = [(await each.name(), await each.value()) for each in await made.env_variables()]
    assert [pair for pair in listed if pair[0] in ("ZED", "ABC")] == [("ZED", "3"), ("ABC", "2")]


async def test_home_is_that_of_the_user(python: dagger.Container) -> None:
    """HOME comes from the account's entry in /etc/passwd."""
    assert await python.with_exec(["sh", "-c", "echo $HOME"]).stdout() == "/root\n"
    made = python.with_exec(["useradd", "-m", "-d", "/home/somebody", "somebody"]).with_user("somebody")
    assert await made.with_exec(["sh", "-c", "echo $HOME; id -un"]).stdout() == "/home/somebody\nsomebody\n"


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        pytest.param("nobody", "65534:65534", id="name"),
        pytest.param("1000", "1000:0", id="number without an account"),
        pytest.param("1000:1001", "1000:1001", id="two numbers"),
        pytest.param("nobody:daemon", "65534:1", id="name and group"),
        pytest.param("65534", "65534:65534", id="number of an account"),
    ],
)
async def test_a_user_by_name_or_number(python: dagger.Container, user: str, expected: str) -> None:
    """Commands run as the user and group that are named."""
    ran = python.with_user(user).with_exec(["sh", "-c", "echo $(id -u):$(id -g)"])
    assert (await ran.stdout()).strip() == expected


async def test_supplementary_groups(python: dagger.Container) -> None:
    """A user by name is in all groups that list it."""
    made = python.with_exec(["sh", "-c", "groupadd -g 4000 extra && useradd -u 3000 -G extra member"])
    assert await made.with_user("member").with_exec(["id", "-G"]).stdout() == "3000 4000\n"


async def test_an_unknown_user_is_an_error(python: dagger.Container) -> None:
    """A user name that the container does not know fails the execution."""
    with pytest.raises(dagger.QueryError, match="nosuchuser"):
        await python.with_user("nosuchuser").with_exec(["true"]).sync()


async def test_the_user_is_told(python: dagger.Container) -> None:
    """The user is told as it was given, and can be removed."""
    assert await python.with_user("nobody:daemon").user() == "nobody:daemon"
    assert await python.with_user("nobody").without_user().user() == ""


async def test_a_working_directory_is_made(python: dagger.Container) -> None:
    """A working directory that is not there is made by the execution."""
    ran = python.with_workdir("/deep/new/place").with_exec(["sh", "-c", "pwd; echo x > file"])
    assert await ran.stdout() == "/deep/new/place\n"
    assert await ran.file("/deep/new/place/file").contents() == "x\n"


async def test_working_directories_add_up(python: dagger.Container) -> None:
    """A relative working directory is below the one before it."""
    made = python.with_workdir("/a").with_workdir("b/../c")
    assert await made.workdir() == "/a/c"


async def test_relative_paths_begin_at_the_working_directory(python: dagger.Container) -> None:
    """Files are found and written below the working directory."""
    made = python.with_workdir("/work").with_new_file("sub/file", "x")
    assert await made.with_exec(["cat", "sub/file"]).stdout() == "x"
    assert await made.file("sub/file").contents() == "x"
    assert await made.directory(".").entries() == ["sub/"]


async def test_a_removed_working_directory_is_the_root(python: dagger.Container) -> None:
    """Without a working directory commands run in the root directory."""
    made = python.with_workdir("/work").without_workdir()
    assert await made.with_exec(["pwd"]).stdout() == "/\n"


async def test_the_images_variables_are_there(python: dagger.Container) -> None:
    """An image's own variables are in the environment and are listed."""
    path = await python.env_variable("PATH")
    assert path
    assert (await python.with_exec(["sh", "-c", "echo $PATH"]).stdout()).strip() == path


async def test_a_variable_set_before_the_image_stays(python: dagger.Container) -> None:
    """What was set before `from_` stays, unless the image sets it."""
    from dagger import dag

    made = dag.container().with_env_variable("BEFORE", "x").from_("python:3.13-slim")
    assert await made.env_variable("BEFORE") == "x"
