"""Errors: their types, their texts and what programs read from them."""

from __future__ import annotations

import dagger
import pytest
from dagger import ReturnType, dag


async def test_a_failed_execution(python: dagger.Container) -> None:
    """A failed execution tells its command, code and both streams without the last line end."""
    command = ["sh", "-c", "echo out; echo err >&2; exit 3"]
    with pytest.raises(dagger.ExecError, match="exit code: 3") as caught:
        await python.with_exec(command).sync()
    error = caught.value
    assert (error.command, error.exit_code, error.stdout, error.stderr) == (command, 3, "out", "err")


async def test_an_error_names_the_field(python: dagger.Container) -> None:
    """An error has the path of the fields that led to it."""
    with pytest.raises(dagger.ExecError) as caught:
        await python.with_exec(["false"]).stdout()
    assert caught.value.errors[0].path == ["container", "from", "withExec", "stdout"]


async def test_a_failed_execution_fails_what_follows(python: dagger.Container) -> None:
    """Whatever is asked after a failed execution fails with its error."""
    failed = python.with_exec(["sh", "-c", "exit 4"])
    for later in (failed.with_exec(["true"]).stdout(), failed.file("/etc/hosts").contents(), failed.exit_code()):
        with pytest.raises(dagger.ExecError) as caught:
            await later
        assert caught.value.exit_code == 4


async def test_long_output_is_cut_in_errors(python: dagger.Container) -> None:
    """An error keeps the last 100 KiB of a stream and says how much it leaves out."""
    with pytest.raises(dagger.ExecError) as caught:
        await python.with_exec(["sh", "-c", "seq 1 100000; exit 1"]).sync()
    out = caught.value.stdout
    assert out.startswith("[omitting 486495 bytes]...\n")
    assert out.endswith("99999\n100000")
    assert len(out) in (102_399, 102_400)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        pytest.param(["nosuchprogram"], 'exec: "nosuchprogram": executable file not found in $PATH', id="not found"),
        pytest.param(["/no/such"], "fork/exec /no/such: no such file or directory", id="no such path"),
        pytest.param(["/etc/passwd"], "fork/exec /etc/passwd: permission denied", id="not executable"),
        pytest.param(["/etc"], "fork/exec /etc: permission denied", id="a directory"),
    ],
)
async def test_a_program_that_cannot_start(python: dagger.Container, command: list[str], message: str) -> None:
    """A program that cannot be started fails with code 1 and says why on its standard error."""
    with pytest.raises(dagger.ExecError) as caught:
        await python.with_exec(command).sync()
    assert (caught.value.exit_code, caught.value.stdout, caught.value.stderr) == (1, "", message)
    ran = python.with_exec(command, expect=ReturnType.ANY)
    assert (await ran.exit_code(), await ran.stderr()) == (1, f"{message}\n")


async def test_a_missing_interpreter(python: dagger.Container) -> None:
    """A script whose interpreter is missing cannot be started."""
    made = python.with_new_file("/script", "#!/no/such\n", permissions=0o755)
    with pytest.raises(dagger.ExecError) as caught:
        await made.with_exec(["/script"]).sync()
    assert caught.value.stderr == "fork/exec /script: no such file or directory"


@pytest.mark.parametrize("code", [128, 130, 137, 191])
async def test_codes_of_signals_are_never_expected(python: dagger.Container, code: int) -> None:
    """Exit codes that stand for signals fail even where any code is expected."""
    with pytest.raises(dagger.ExecError) as caught:
        await python.with_exec(["sh", "-c", f"exit {code}"], expect=ReturnType.ANY).exit_code()
    assert caught.value.exit_code == code


@pytest.mark.parametrize("code", [192, 255])
async def test_codes_above_those_of_signals_are_ordinary(python: dagger.Container, code: int) -> None:
    """Exit codes from 192 can be expected."""
    ran = python.with_exec(["sh", "-c", f"exit {code}"], expect=ReturnType.FAILURE)
    assert await ran.exit_code() == code


async def test_a_killed_program(python: dagger.Container) -> None:
    """A program that is killed has 128 and the signal's number as its code."""
    with pytest.raises(dagger.ExecError) as caught:
        await python.with_exec(["sh", "-c", "kill -9 $$"]).sync()
    assert caught.value.exit_code == 137


async def test_unknown_users_and_groups(python: dagger.Container) -> None:
    """A user or group that the container does not know fails the execution, whatever code is expected."""
    for user, message in (("nosuch", "unable to find user nosuch"), ("root:nosuch", "unable to find group nosuch")):
        with pytest.raises(dagger.ExecError, match=f"get user: {message}") as caught:
            await python.with_user(user).with_exec(["true"], expect=ReturnType.ANY).exit_code()
        assert caught.value.exit_code == -1


@pytest.mark.parametrize("user", ["2147483648", "-1"])
async def test_users_beyond_all_numbers(python: dagger.Container, user: str) -> None:
    """A number that no user can have fails the execution."""
    with pytest.raises(dagger.ExecError, match="get user: uids and gids must be in range 0-2147483647") as caught:
        await python.with_user(user).with_exec(["true"]).sync()
    assert caught.value.exit_code == -1


async def test_unknown_owners(python: dagger.Container) -> None:
    """An owner that the container does not know fails."""
    with pytest.raises(dagger.QueryError, match="find uid: no such user: nosuch"):
        await python.with_new_file("/f", "", owner="nosuch").sync()
    with pytest.raises(dagger.QueryError, match="find gid: no such group: nosuch"):
        await python.with_new_file("/f", "", owner="0:nosuch").sync()


async def test_nothing_to_run() -> None:
    """An execution without arguments needs default ones."""
    with pytest.raises(dagger.QueryError, match="no command has been set"):
        await dag.container().with_exec([]).sync()


async def test_output_of_nothing(python: dagger.Container) -> None:
    """A container that has run nothing has no output and no exit code."""
    for ask in (python.stdout, python.stderr, python.exit_code):
        with pytest.raises(dagger.QueryError, match="no command has been set"):
            await ask()


async def test_an_error_by_hand(python: dagger.Container) -> None:
    """`with_error` fails with its text when the container or directory is used."""
    with pytest.raises(dagger.QueryError, match="my own words"):
        await python.with_error("my own words").sync()
    with pytest.raises(dagger.QueryError, match="my own words"):
        await dag.directory().with_error("my own words").entries()


async def test_an_empty_error_is_none(python: dagger.Container) -> None:
    """`with_error` with an empty text changes nothing."""
    assert await python.with_error("").with_exec(["echo", "fine"]).stdout() == "fine\n"


async def test_a_missing_image() -> None:
    """An image that is not there fails and is named."""
    with pytest.raises(dagger.QueryError, match="no-such-image-anywhere"):
        await dag.container().from_("localhost:1/no-such-image-anywhere:1").sync()


async def test_a_reference_that_is_none() -> None:
    """A reference that is malformed fails and is told."""
    with pytest.raises(dagger.QueryError, match="Bad Ref"):
        await dag.container().from_("Bad Ref!").sync()


async def test_missing_directories_and_files(python: dagger.Container) -> None:
    """What a container does not have is named with its path."""
    with pytest.raises(dagger.QueryError, match="/nowhere: no such file or directory"):
        await python.directory("/nowhere").entries()
    with pytest.raises(dagger.QueryError, match="/nowhere: no such file or directory"):
        await python.file("/nowhere").contents()
    with pytest.raises(dagger.QueryError, match="path /etc is a directory, not a file"):
        await python.file("/etc").sync()
    with pytest.raises(dagger.QueryError, match="path /etc/passwd is a file, not a directory"):
        await python.directory("/etc/passwd").sync()


async def test_two_errors_at_once(python: dagger.Container, unique: str) -> None:
    """A failure is told to everyone who waits for it."""
    import asyncio

    failed = python.with_env_variable("UNIQUE", unique).with_exec(["sh", "-c", "sleep 0.2; exit 5"])
    both = await asyncio.gather(failed.sync(), failed.stdout(), return_exceptions=True)
    assert [each.exit_code for each in both if isinstance(each, dagger.ExecError)] == [5, 5]


async def test_a_working_directory_that_is_a_file(python: dagger.Container) -> None:
    """The program cannot be started there: it fails with code 1."""
    with pytest.raises(dagger.ExecError) as failure:
        await python.with_new_file("/w", "").with_workdir("/w").with_exec(["pwd"]).sync()
    assert failure.value.exit_code == 1
