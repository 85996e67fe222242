"""Secrets: what is masked and where, by whom they are named, files of them among other mounts."""

from __future__ import annotations

from pathlib import Path

import dagger
from dagger import ReturnType, dag

from web import fetch

PLAIN = "hunter2-and-more"


async def test_white_space_around_a_secret(fresh: dagger.Container) -> None:
    """A secret is masked with and without the white space around it."""
    made = fresh.with_secret_variable("T", dag.set_secret("ws", "  spaced-secret \n"))
    assert (
        await made.with_exec(["sh", "-c", 'echo "<$T>"; echo spaced-secret; printf "%s" "$T" | tr -d "\\n "']).stdout()
        == "<***>\n***\n***"
    )


async def test_lines_of_a_secret(fresh: dagger.Container) -> None:
    """A single line of a secret of several lines is not masked."""
    made = fresh.with_secret_variable("T", dag.set_secret("ml", "first-line\nsecond-line\n"))
    assert (
        await made.with_exec(
            ["sh", "-c", 'echo first-line; echo second-line; echo "$T" | head -1;  echo "$T"']
        ).stdout()
        == "***first-line\n***\n"
    )


async def test_a_secret_in_another(fresh: dagger.Container) -> None:
    """The longest secret that fits is masked."""
    made = fresh.with_secret_variable("A", dag.set_secret("ova", "abcdef")).with_secret_variable(
        "B", dag.set_secret("ovb", "abcdefghi")
    )
    assert (
        await made.with_exec(["sh", "-c", 'echo "$A"; echo "$B"; echo "$A$B"; echo ${A}ghi']).stdout()
        == "***\n***\n******\n***\n"
    )


async def test_a_secret_of_one_character(fresh: dagger.Container) -> None:
    """Even one character is masked."""
    made = fresh.with_secret_variable("A", dag.set_secret("short", "x"))
    assert await made.with_exec(["sh", "-c", "echo axbxc"]).stdout() == "a***b***c\n"


async def test_a_secret_of_two_characters(fresh: dagger.Container) -> None:
    """Two characters are masked."""
    made = fresh.with_secret_variable("A", dag.set_secret("short2", "xy"))
    assert await made.with_exec(["sh", "-c", "echo axybxyc"]).stdout() == "a***b***c\n"


async def test_a_secret_that_is_not_used(fresh: dagger.Container) -> None:
    """A secret that a command is not given is not masked in its output."""
    dag.set_secret("unused", "not-a-used-secret")
    await dag.set_secret("unused", "not-a-used-secret").plaintext()
    assert await fresh.with_exec(["echo", "not-a-used-secret"]).stdout() == "not-a-used-secret\n"


async def test_a_mounted_secret_is_masked(fresh: dagger.Container) -> None:
    """A mounted secret is masked in output."""
    made = fresh.with_mounted_secret("/s", dag.set_secret("mm", PLAIN))
    assert await made.with_exec(["cat", "/s"]).stdout() == "***"


async def test_an_encoded_secret(fresh: dagger.Container) -> None:
    """An encoded secret is another text."""
    made = fresh.with_secret_variable("T", dag.set_secret("b64", PLAIN))
    assert await made.with_exec(["sh", "-c", 'printf "%s" "$T" | base64']).stdout() == "aHVudGVyMi1hbmQtbW9yZQ==\n"


async def test_both_streams_together(fresh: dagger.Container) -> None:
    """A secret is masked in the combined output."""
    made = fresh.with_secret_variable("T", dag.set_secret("comb", PLAIN))
    assert await made.with_exec(["sh", "-c", 'echo "$T"; sleep 0.2; echo "$T" >&2']).combined_output() == "***\n***\n"


async def test_two_values_of_one_name() -> None:
    """Two secrets of one name keep their own values."""
    a = dag.set_secret("twice", "one")
    b = dag.set_secret("twice", "two")
    assert await a.plaintext() == "one"
    assert await b.plaintext() == "two"
    assert await a.plaintext() == "one"


async def test_a_secret_variable_stays(fresh: dagger.Container) -> None:
    """A secret variable is there for later executions."""
    made = fresh.with_secret_variable("T", dag.set_secret("pers", PLAIN)).with_exec(["true"])
    assert await made.with_exec(["sh", "-c", "echo ${#T}"]).stdout() == "16\n"


async def test_a_secret_variable_hides_another(fresh: dagger.Container) -> None:
    """A secret variable hides an ordinary one, which can still be read."""
    made = fresh.with_env_variable("T", "plain").with_secret_variable("T", dag.set_secret("ove", "from-secret"))
    assert await made.with_exec(["sh", "-c", "echo ${#T}"]).stdout() == "11\n"
    assert await made.env_variable("T") == "plain"


async def test_an_ordinary_variable_after_a_secret(fresh: dagger.Container) -> None:
    """A variable that is set later does not take a secret's place."""
    made = fresh.with_secret_variable("T", dag.set_secret("ove2", "from-secret")).with_env_variable("T", "plain")
    assert await made.with_exec(["sh", "-c", "echo $T"]).stdout() == "***\n"
    assert await made.env_variable("T") == "plain"


async def test_removing_a_variable_leaves_the_secret(fresh: dagger.Container) -> None:
    """Removing an ordinary variable leaves the secret of that name."""
    made = fresh.with_secret_variable("T", dag.set_secret("ove3", "from-secret")).without_env_variable("T")
    assert await made.with_exec(["sh", "-c", "echo ${T-unset}"]).stdout() == "***\n"


async def test_the_last_secret_of_a_name(fresh: dagger.Container) -> None:
    """The last secret of a variable counts."""
    made = fresh.with_secret_variable("T", dag.set_secret("s1", "first-value")).with_secret_variable(
        "T", dag.set_secret("s2", "second")
    )
    assert await made.with_exec(["sh", "-c", "echo ${#T}"]).stdout() == "6\n"


async def test_a_relative_secret_file(fresh: dagger.Container) -> None:
    """A secret's relative path begins at the working directory."""
    made = fresh.with_workdir("/w").with_mounted_secret("tok", dag.set_secret("rel", PLAIN))
    assert (
        await made.with_exec(["sh", "-c", "ls -l /w | tail -1 | cut -c1-10; wc -c < /w/tok"]).stdout()
        == "-r--------\n16\n"
    )


async def test_a_secret_file_belongs_to_root(fresh: dagger.Container) -> None:
    """A secret file is root's, whoever runs the command."""
    made = fresh.with_user("nobody").with_mounted_secret("/tok", dag.set_secret("rel2", PLAIN))
    assert (
        await made.with_exec(["sh", "-c", "stat -c '%u:%g %a' /tok; cat /tok 2>&1 || true"]).stdout()
        == "0:0 400\ncat: /tok: Permission denied\n"
    )


async def test_a_secret_over_a_file(fresh: dagger.Container) -> None:
    """A secret hides a file, which comes back when it is unmounted."""
    made = fresh.with_new_file("/tok", "below").with_mounted_secret("/tok", dag.set_secret("over", PLAIN))
    ran = made.with_exec(["wc", "-c", "/tok"])
    assert await ran.stdout() == "16 /tok\n"
    assert await ran.without_mount("/tok").file("/tok").contents() == "below"


async def test_a_secret_file_cannot_be_changed(fresh: dagger.Container) -> None:
    """A secret file can be neither written nor removed."""
    made = fresh.with_mounted_secret("/tok", dag.set_secret("ro", PLAIN), mode=0o600)
    assert (
        await made.with_exec(
            ["sh", "-c", "echo x >> /tok; wc -c < /tok; rm /tok 2>&1; mount | grep /tok | cut -d' ' -f5"],
            expect=ReturnType.ANY,
        ).stdout()
        == "16\nrm: cannot remove '/tok': Device or resource busy\ntmpfs\n"
    )


async def test_a_directory_below_a_secret(fresh: dagger.Container) -> None:
    """A secret stays where a directory is mounted over it later."""
    made = fresh.with_mounted_secret("/m/tok", dag.set_secret("inm2", PLAIN)).with_mounted_directory(
        "/m", dag.directory().with_new_file("a", "a")
    )
    assert await made.with_exec(["ls", "/m"]).stdout() == "a\ntok\n"


async def test_secrets_are_no_mounts(fresh: dagger.Container) -> None:
    """Secrets are not among the mounts that are told."""
    made = (
        fresh.with_mounted_secret("/tok", dag.set_secret("lst", PLAIN))
        .with_mounted_cache("/c", dag.cache_volume("x"))
        .with_mounted_temp("/t")
        .with_mounted_directory("/d", dag.directory())
    )
    assert await made.mounts() == ["/c", "/t", "/d"]


async def test_a_secret_in_a_file(fresh: dagger.Container) -> None:
    """What a file holds is not masked."""
    made = fresh.with_secret_variable("T", dag.set_secret("fc", PLAIN)).with_exec(["sh", "-c", 'echo "$T" > /f'])
    assert await made.file("/f").contents() == "hunter2-and-more\n"


async def test_a_secret_without_its_owner(fresh: dagger.Container) -> None:
    """A command that is no longer given a secret prints it from a file as it is."""
    made = (
        fresh.with_secret_variable("T", dag.set_secret("later", PLAIN))
        .with_exec(["sh", "-c", 'echo "$T" > /f'])
        .without_secret_variable("T")
    )
    assert await made.with_exec(["cat", "/f"]).stdout() == "hunter2-and-more\n"


async def test_a_secret_of_any_bytes(fresh: dagger.Container, tmp_path: Path) -> None:
    """A secret file has the bytes that it has, text or not."""
    (tmp_path / "bin").write_bytes(b"\xff\xfe\x00bin")
    made = fresh.with_mounted_secret("/tok", dag.secret(f"file://{tmp_path}/bin"))
    assert await made.with_exec(["sh", "-c", "od -An -tx1 /tok"]).stdout() == " ff fe 00 62 69 6e\n"


async def test_a_large_secret(fresh: dagger.Container) -> None:
    """Half a million bytes are no problem for a secret file."""
    made = fresh.with_mounted_secret("/tok", dag.set_secret("big", "z9" * 250_000))
    assert await made.with_exec(["wc", "-c", "/tok"]).stdout() == "500000 /tok\n"


async def test_output_of_a_command_is_kept_whole() -> None:
    """The line end that a command writes belongs to the secret."""
    assert await dag.secret("cmd://echo hi").plaintext() == "hi\n"


async def test_a_command_is_for_a_shell() -> None:
    """The command of a secret is a shell's."""
    assert await dag.secret("cmd://echo hi | tr h j").plaintext() == "ji\n"


async def test_a_cache_key_stands_for_the_value(fresh: dagger.Container, unique: str) -> None:
    """Secrets of one cache key count as one."""
    s = dag.secret("env://PATH", cache_key=unique)
    made = fresh.with_env_variable("U", unique).with_secret_variable("T", s)
    a = await made.with_exec(["cat", "/proc/sys/kernel/random/uuid"]).stdout()
    b = await made.with_exec(["cat", "/proc/sys/kernel/random/uuid"]).stdout()
    assert a == b


async def test_a_secret_of_a_service(fresh: dagger.Container, unique: str) -> None:
    """A service's secret is not masked in the output of who uses it."""
    svc = (
        fresh.with_env_variable("U", unique)
        .with_secret_variable("T", dag.set_secret("svc", PLAIN))
        .with_exposed_port(8000)
        .as_service(args=["sh", "-c", 'mkdir /w; cd /w; printf "$T" > index.html; exec python3 -m http.server 8000'])
    )
    assert await fetch(fresh.with_service_binding("s", svc), "http://s:8000") == PLAIN


async def test_a_secret_of_another_execution(fresh: dagger.Container) -> None:
    """A secret of one execution is not masked in another."""
    made = fresh.with_secret_variable("T", dag.set_secret("unrel", "unrelated-secret-value"))
    await made.with_exec(["true"]).sync()
    assert await fresh.with_exec(["echo", "unrelated-secret-value"]).stdout() == "unrelated-secret-value\n"
