"""Standard input, and streams that go to files."""

from __future__ import annotations

import dagger
import pytest
from dagger import ReturnType, dag


async def test_stdin_is_what_is_given(python: dagger.Container) -> None:
    """A command reads what it is given and then the end."""
    assert await python.with_exec(["cat"], stdin="line\nno end").stdout() == "line\nno end"


async def test_stdin_is_empty_by_default(python: dagger.Container) -> None:
    """A command that reads finds the end at once."""
    assert await python.with_exec(["wc", "-c"]).stdout() == "0\n"


async def test_stdin_counts(python: dagger.Container) -> None:
    """Another input is another execution."""
    assert await python.with_exec(["cat"], stdin="one").stdout() == "one"
    assert await python.with_exec(["cat"], stdin="two").stdout() == "two"


async def test_large_stdin(python: dagger.Container) -> None:
    """Input larger than a pipe's buffer arrives whole."""
    assert await python.with_exec(["wc", "-c"], stdin="x" * 300_000).stdout() == "300000\n"


async def test_stdin_that_is_not_read(python: dagger.Container) -> None:
    """A command that reads nothing of a large input still ends."""
    assert await python.with_exec(["echo", "done"], stdin="x" * 300_000).stdout() == "done\n"


async def test_stdin_from_a_file(python: dagger.Container) -> None:
    """Input comes from a file of the container, also by a relative path and from a mount."""
    made = python.with_workdir("/w").with_new_file("in", "from a file")
    assert await made.with_exec(["cat"], redirect_stdin="in").stdout() == "from a file"
    mounted = python.with_mounted_file("/m", dag.file("f", "from a mount"))
    assert await mounted.with_exec(["cat"], redirect_stdin="/m").stdout() == "from a mount"


async def test_stdin_from_a_missing_file(python: dagger.Container) -> None:
    """A file that is not there fails the execution before it begins."""
    with pytest.raises(dagger.ExecError, match=r"open redirect stdin file.*no such file or directory") as caught:
        await python.with_exec(["cat"], redirect_stdin="/nowhere").sync()
    assert caught.value.exit_code == -1


async def test_stdin_has_one_source(python: dagger.Container) -> None:
    """Input by value and from a file at once is an error."""
    with pytest.raises(dagger.QueryError, match="cannot set both stdin and redirectStdin"):
        await python.with_exec(["cat"], stdin="x", redirect_stdin="/etc/hosts").sync()


async def test_output_to_files(python: dagger.Container) -> None:
    """Streams go to files, and can be read as output too."""
    ran = python.with_exec(["sh", "-c", "echo out; echo err >&2"], redirect_stdout="/out", redirect_stderr="/err")
    assert (await ran.file("/out").contents(), await ran.file("/err").contents()) == ("out\n", "err\n")
    assert (await ran.stdout(), await ran.stderr()) == ("out\n", "err\n")


async def test_a_file_that_receives_output_is_for_the_user(python: dagger.Container) -> None:
    """A file that receives a stream belongs to the user who ran the command, and only they read it."""
    ran = python.with_user("nobody").with_exec(["echo", "x"], redirect_stdout="/tmp/out")
    assert (await ran.with_exec(["stat", "-c", "%a %U", "/tmp/out"]).stdout()).strip() == "600 nobody"


async def test_a_file_that_receives_output_is_emptied_first(python: dagger.Container) -> None:
    """A file that is there loses its contents and keeps its mode."""
    ran = python.with_new_file("/out", "something longer").with_exec(["echo", "x"], redirect_stdout="/out")
    assert await ran.file("/out").contents() == "x\n"
    assert await ran.with_exec(["stat", "-c", "%a", "/out"]).stdout() == "644\n"


async def test_output_to_a_missing_directory(python: dagger.Container) -> None:
    """A stream cannot go to a directory that is not there."""
    with pytest.raises(dagger.ExecError, match=r"open redirect stdout file.*no such file or directory"):
        await python.with_exec(["echo", "x"], redirect_stdout="/no/where").sync()


async def test_output_to_a_directory(python: dagger.Container) -> None:
    """A stream cannot go to a directory."""
    with pytest.raises(dagger.ExecError, match=r"open redirect stderr file.*is a directory"):
        await python.with_exec(["echo", "x"], redirect_stderr="/etc").sync()


async def test_output_to_a_mount(python: dagger.Container) -> None:
    """A stream can go to a file of a mounted directory, and not to one in memory."""
    mounted = python.with_mounted_directory("/m", dag.directory())
    assert await mounted.with_exec(["echo", "x"], redirect_stdout="/m/out").directory("/m").entries() == ["out"]
    with pytest.raises(dagger.ExecError, match="open redirect stdout file: cannot resolve path"):
        await python.with_mounted_temp("/t").with_exec(["echo", "x"], redirect_stdout="/t/out").sync()


async def test_output_of_a_failure_to_a_file(python: dagger.Container) -> None:
    """The file that receives a stream is there after a failure that was expected."""
    ran = python.with_exec(["sh", "-c", "echo x; exit 2"], redirect_stdout="/out", expect=ReturnType.ANY)
    assert await ran.file("/out").contents() == "x\n"


async def test_secrets_are_masked_in_files_that_receive_output(python: dagger.Container) -> None:
    """A secret that a command prints is masked, wherever the stream goes."""
    made = python.with_secret_variable("TOKEN", dag.set_secret("stream", "to-be-masked"))
    ran = made.with_exec(["sh", "-c", "echo $TOKEN"], redirect_stdout="/out")
    assert await ran.file("/out").contents() == "***\n"


async def test_large_output(python: dagger.Container) -> None:
    """Output of a few MiB comes back whole."""
    out = await python.with_exec(["sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x"]).stdout()
    assert len(out) == 3_000_000


async def test_output_that_is_no_text(python: dagger.Container) -> None:
    """Bytes that are no UTF-8 are replaced, the rest stays."""
    assert await python.with_exec(["printf", "\\377\\000a"]).stdout() == "\ufffd\0a"


async def test_a_file_that_is_no_text(python: dagger.Container) -> None:
    """Bytes of a file that are no UTF-8 are replaced, the rest stays."""
    assert await python.with_exec(["sh", "-c", "printf '\\377\\000a' > /f"]).file("/f").contents() == "\ufffd\0a"
