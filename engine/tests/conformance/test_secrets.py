"""Secrets: they reach those who need them and nobody else."""

from __future__ import annotations

from pathlib import Path

import dagger
import pytest
from dagger import dag

PLAIN = "hunter2-and-more"


async def test_a_secret_variable(python: dagger.Container) -> None:
    """A command has the secret in its environment."""
    made = python.with_secret_variable("TOKEN", dag.set_secret("variable", PLAIN))
    code = f"import os; print(os.environ['TOKEN'] == {PLAIN!r}[:6] + {PLAIN!r}[6:])"
    assert await made.with_exec(["python3", "-c", code]).stdout() == "True\n"


async def test_a_secret_is_masked_in_output(python: dagger.Container) -> None:
    """Output that holds a secret shows stars in its place, on both streams."""
    made = python.with_secret_variable("TOKEN", dag.set_secret("masked", PLAIN))
    ran = made.with_exec(["sh", "-c", 'echo "it is $TOKEN!"; echo "$TOKEN" >&2'])
    assert (await ran.stdout(), await ran.stderr()) == ("it is ***!\n", "***\n")


async def test_a_secret_is_masked_in_errors(python: dagger.Container) -> None:
    """The output in an error is masked too."""
    made = python.with_secret_variable("TOKEN", dag.set_secret("error", PLAIN))
    with pytest.raises(dagger.ExecError) as caught:
        await made.with_exec(["sh", "-c", 'echo "out $TOKEN"; echo "err $TOKEN" >&2; exit 1']).sync()
    assert (caught.value.stdout, caught.value.stderr) == ("out ***", "err ***")


async def test_a_secret_cut_in_two_is_masked(python: dagger.Container) -> None:
    """A secret that is written in pieces is masked."""
    made = python.with_secret_variable("TOKEN", dag.set_secret("cut", PLAIN))
    code = (
        "import os, sys, time\n"
        "t = os.environ['TOKEN']\n"
        "for part in (t[:5], t[5:]):\n"
        "    sys.stdout.write(part); sys.stdout.flush(); time.sleep(0.1)\n"
    )
    assert await made.with_exec(["python3", "-c", code]).stdout() == "***"


async def test_a_secret_file(python: dagger.Container) -> None:
    """A mounted secret is a file that only its owner reads."""
    made = python.with_mounted_secret("/run/token", dag.set_secret("file", PLAIN))
    ran = made.with_exec(["sh", "-c", "stat -c '%a %u:%g' /run/token; wc -c < /run/token"])
    assert (await ran.stdout()).split() == ["400", "0:0", str(len(PLAIN))]


async def test_a_secret_file_with_owner_and_mode(python: dagger.Container) -> None:
    """A mounted secret can belong to a user and have another mode."""
    made = python.with_mounted_secret("/deep/token", dag.set_secret("owned", PLAIN), owner="nobody:daemon", mode=0o440)
    ran = made.with_exec(["stat", "-c", "%a %U:%G", "/deep/token"])
    assert (await ran.stdout()).strip() == "440 nobody:daemon"


async def test_a_secret_file_is_gone_afterwards(python: dagger.Container) -> None:
    """Nothing of a secret stays in the container's file system."""
    made = python.with_mounted_secret("/run/token", dag.set_secret("gone", PLAIN)).with_exec(["true"])
    found = made.without_mount("/run/token").with_exec(["sh", "-c", "cat /run/token 2>/dev/null | wc -c"])
    assert await found.stdout() == "0\n"


async def test_a_secret_file_cannot_be_read_from_outside(python: dagger.Container) -> None:
    """A mounted secret cannot be asked for as a file."""
    made = python.with_mounted_secret("/run/token", dag.set_secret("outside", PLAIN))
    with pytest.raises(dagger.QueryError):
        await made.file("/run/token").contents()


async def test_the_plaintext_can_be_asked_for() -> None:
    """A program may read a secret that it set."""
    assert await dag.set_secret("plain", PLAIN).plaintext() == PLAIN


async def test_a_secret_has_its_name() -> None:
    """A secret that a program set is called as it was named."""
    assert await dag.set_secret("my-name", PLAIN).name() == "my-name"


async def test_a_secret_variable_is_not_listed(python: dagger.Container) -> None:
    """Secret variables are not among those that can be read."""
    made = python.with_secret_variable("TOKEN", dag.set_secret("listed", PLAIN))
    assert await made.env_variable("TOKEN") is None
    assert "TOKEN" not in [await each.name() for each in await made.env_variables()]


async def test_a_secret_variable_can_be_removed(python: dagger.Container) -> None:
    """A secret variable that is removed is unset."""
    made = python.with_secret_variable("TOKEN", dag.set_secret("removed", PLAIN)).without_secret_variable("TOKEN")
    assert await made.with_exec(["sh", "-c", "echo ${TOKEN-unset}"]).stdout() == "unset\n"


async def test_another_secret_runs_again(python: dagger.Container, unique: str) -> None:
    """A command runs again for another secret."""
    made = python.with_env_variable("UNIQUE", unique)

    async def length(value: str) -> str:
        secret = dag.set_secret(f"{unique}-{len(value)}", value)
        return await made.with_secret_variable("TOKEN", secret).with_exec(["sh", "-c", "echo ${#TOKEN}"]).stdout()

    assert [await length("12345"), await length("1234567")] == ["5\n", "7\n"]


async def test_a_secret_file_that_changes_runs_again(python: dagger.Container, unique: str, tmp_path: Path) -> None:
    """A secret of a file is read again when the file has changed."""
    made = python.with_env_variable("UNIQUE", unique)

    async def length(value: str) -> str:
        (tmp_path / "token").write_text(value)
        secret = dag.secret(f"file://{tmp_path}/token")
        return await made.with_secret_variable("TOKEN", secret).with_exec(["sh", "-c", "echo ${#TOKEN}"]).stdout()

    assert [await length("12345"), await length("1234567")] == ["5\n", "7\n"]


async def test_expansion_refuses_secrets(python: dagger.Container) -> None:
    """A secret variable cannot be expanded into an argument."""
    made = python.with_secret_variable("TOKEN", dag.set_secret("expand", PLAIN))
    with pytest.raises(dagger.QueryError, match="secret env variable"):
        await made.with_exec(["echo", "$TOKEN"], expand=True).sync()


async def test_a_secret_from_the_environment(python: dagger.Container, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret of the machine's environment reaches a command."""
    made = python.with_secret_variable("P", dag.secret("env://PATH"))
    assert await made.with_exec(["sh", "-c", 'test -n "$P" && echo there']).stdout() == "there\n"


async def test_a_secret_from_a_file(python: dagger.Container, tmp_path: Path) -> None:
    """A secret of a file of the machine reaches a command as it is."""
    (tmp_path / "token").write_text("from-a-file\n")
    made = python.with_mounted_secret("/token", dag.secret(f"file://{tmp_path}/token"))
    assert await made.with_exec(["wc", "-c", "/token"]).stdout() == "12 /token\n"


async def test_a_secret_from_a_command() -> None:
    """A secret can be what a command of the machine prints."""
    assert await dag.secret("cmd://printf from-a-command").plaintext() == "from-a-command"


async def test_a_secret_that_is_missing_is_an_error(python: dagger.Container) -> None:
    """A variable that is not set fails and is named."""
    with pytest.raises(dagger.QueryError, match="secret env var not found"):
        await dag.secret("env://NO_SUCH_VARIABLE").plaintext()


async def test_a_secret_of_several_lines_is_masked_whole(python: dagger.Container) -> None:
    """A secret of several lines is masked where all of it is written."""
    made = python.with_secret_variable("KEY", dag.set_secret("lines", "first-line\nsecond-line"))
    assert await made.with_exec(["sh", "-c", 'echo "($KEY)"']).stdout() == "(***)\n"


async def test_an_empty_secret(python: dagger.Container) -> None:
    """An empty secret masks nothing."""
    made = python.with_secret_variable("EMPTY", dag.set_secret("empty", ""))
    assert await made.with_exec(["sh", "-c", "echo a${EMPTY}b"]).stdout() == "ab\n"


async def test_a_secret_written_to_a_file_is_not_masked(python: dagger.Container) -> None:
    """Masking is for output: a file has what was written."""
    made = python.with_secret_variable("TOKEN", dag.set_secret("written", PLAIN))
    ran = made.with_exec(["sh", "-c", 'printf "%s" "$TOKEN" > /f'])
    assert await ran.file("/f").size() == len(PLAIN)
