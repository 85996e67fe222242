"""Secrets stay out of keys and output."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from embedded_engine.secrets import Scrubber, Secret, SecretError, Secrets


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_a_secret_is_replaced_however_the_stream_is_cut(size: int) -> None:
    """No chunk boundary lets a part of it through."""
    data = b"before hunter2-long after hunter2-long hunter2 end"
    scrubber = Scrubber([b"hunter2-long", b"hunter2"])
    chunks = [data[start : start + size] for start in range(0, len(data), size)]
    out = b"".join(scrubber.feed(chunk) for chunk in chunks) + scrubber.finish()
    assert out == b"before *** after *** *** end"


@pytest.mark.parametrize("seed", range(20))
def test_cutting_a_stream_changes_nothing(seed: int) -> None:
    """Secrets that begin or end with one another, or hold line ends, are replaced as they are in one piece."""
    chance = random.Random(seed)
    values = [bytes(chance.choices(b"ab\n", k=chance.randint(1, 5))) for _ in range(3)]
    data = bytes(chance.choices(b"abc\n", k=60))
    whole, cut = Scrubber(values), Scrubber(values)
    expected = whole.feed(data) + whole.finish()
    found, position = b"", 0
    while position < len(data):
        step = chance.randint(1, 6)
        found += cut.feed(data[position : position + step])
        position += step
    assert found + cut.finish() == expected
    assert not any(value in expected.replace(b"***", b"|") for value in values)


def test_a_key_that_was_cut_is_made_anew(tmp_path: Path) -> None:
    """A disk that was full leaves no key that could be guessed."""
    (tmp_path / "key").write_bytes(b"")
    Secrets(tmp_path / "key").set("name", "value")
    assert (tmp_path / "key").stat().st_size == 32


def test_output_without_secrets_passes_at_once() -> None:
    """Nothing is held back where nothing can be hidden in it."""
    scrubber = Scrubber([b"hunter2"])
    assert scrubber.feed(b"plain line\n") == b"plain line\n"
    assert Scrubber([]).feed(b"x") == b"x"


def test_the_line_end_of_a_secret_file_does_not_save_it() -> None:
    """A file's secret is also replaced where it is printed without its last newline."""
    scrubber = Scrubber([b"hunter2\n"])
    assert scrubber.feed(b"is hunter2.") + scrubber.finish() == b"is ***."


async def test_a_key_says_nothing_and_changes_with_the_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal values have equal keys in one store, other values others, and another store's key differs."""
    monkeypatch.setenv("TOKEN", "hunter2")
    here, again, other = Secrets(tmp_path / "key"), Secrets(tmp_path / "key"), Secrets(tmp_path / "other")
    secret = Secret("env:TOKEN", "env:TOKEN")
    key = await here.key(secret)
    assert key == await again.key(secret)
    assert key != await other.key(secret)
    assert "hunter2" not in key
    monkeypatch.setenv("TOKEN", "changed")
    assert key != await Secrets(tmp_path / "key").key(secret)
    assert (tmp_path / "key").stat().st_mode & 0o077 == 0


async def test_a_secret_that_a_program_sets_has_its_value(tmp_path: Path) -> None:
    """Two secrets of one name and different values are two secrets."""
    secrets = Secrets(tmp_path / "key")
    one, two = secrets.set("token", "first"), secrets.set("token", "second")
    assert one != two
    assert (await secrets.value(one), await secrets.value(two)) == (b"first", b"second")


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        pytest.param("env:NOT_THERE", "secret env var not found: 'NOT_THERE'", id="unset variable"),
        pytest.param("file:/not/there", "open /not/there: no such file", id="missing file"),
        pytest.param("cmd:exit 3", "exit status 3", id="failing command"),
        pytest.param("vault:x", 'unsupported secret provider: "vault"', id="unknown provider"),
        pytest.param("hunter2", "malformed id", id="a value given as a URI"),
    ],
)
async def test_what_cannot_be_read_is_one_line(tmp_path: Path, uri: str, message: str) -> None:
    """The line names the source and what to do."""
    with pytest.raises(SecretError, match=message) as caught:
        await Secrets(tmp_path / "key").value(Secret(uri, uri))
    assert "\n" not in str(caught.value)


async def test_a_file_and_a_command_give_their_bytes(tmp_path: Path) -> None:
    """Providers give what is there, unchanged."""
    (tmp_path / "file").write_bytes(b"from a file\n")
    secrets = Secrets(tmp_path / "key")
    assert await secrets.value(Secret("f", f"file:{tmp_path}/file")) == b"from a file\n"
    assert await secrets.value(Secret("c", "cmd:printf 'from a command'")) == b"from a command"
