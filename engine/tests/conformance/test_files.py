"""Files: contents, sizes, names, permissions."""

from __future__ import annotations

import dagger
import pytest
from dagger import dag


def directory() -> dagger.Directory:
    """An empty directory."""
    return dag.directory()


async def test_contents_come_back() -> None:
    """What is written is read, with its unicode and line ends."""
    text = "first\r\nzweite Zeile äöü ✓\n\n"
    assert await directory().with_new_file("f", text).file("f").contents() == text


async def test_an_empty_file() -> None:
    """An empty file exists, has size 0 and empty contents."""
    file = directory().with_new_file("empty", "").file("empty")
    assert (await file.size(), await file.contents()) == (0, "")


async def test_sizes_are_in_bytes() -> None:
    """The size counts bytes, not characters."""
    assert await directory().with_new_file("f", "äöü").file("f").size() == 6


async def test_the_name_is_the_last_part_of_the_path() -> None:
    """A file is called by the last part of its path."""
    assert await directory().with_new_file("a/b/c.txt", "").file("a/b/c.txt").name() == "c.txt"


async def test_a_file_can_be_renamed() -> None:
    """A renamed file is called by its new name wherever a directory receives it."""
    renamed = directory().with_new_file("old", "x").file("old").with_name("new")
    assert await renamed.name() == "new"
    assert await directory().with_file("sub/", renamed).entries(path="sub") == ["new"]


async def test_a_file_of_its_own() -> None:
    """A file can be made without a directory."""
    file = dag.file("name.txt", "contents")
    assert (await file.name(), await file.contents()) == ("name.txt", "contents")


async def test_a_new_file_replaces_an_old_one() -> None:
    """Writing to a path twice leaves the second contents."""
    made = directory().with_new_file("f", "first, and longer").with_new_file("f", "second")
    assert await made.file("f").contents() == "second"


async def test_an_older_value_stays_as_it_was() -> None:
    """Values never change: a directory keeps its contents when another is made from it."""
    old = directory().with_new_file("f", "old")
    assert await old.with_new_file("f", "new").file("f").contents() == "new"
    assert await old.file("f").contents() == "old"


async def test_permissions_of_a_new_file(python: dagger.Container) -> None:
    """New files have mode 644 unless another is asked for; their parents have 755."""
    made = python.with_new_file("/p/q/plain", "").with_new_file("/p/q/tool", "", permissions=0o750)
    ran = made.with_exec(["stat", "-c", "%a %u:%g", "/p", "/p/q", "/p/q/plain", "/p/q/tool"])
    assert (await ran.stdout()).splitlines() == ["755 0:0", "755 0:0", "644 0:0", "750 0:0"]


async def test_special_permission_bits(python: dagger.Container) -> None:
    """Of the permissions of something new only the low nine bits count."""
    files = dag.directory().with_new_file("suid", "", permissions=0o4755)
    made = python.with_directory("/", files.with_new_directory("sticky", permissions=0o1777))
    ran = made.with_exec(["stat", "-c", "%a", "/suid", "/sticky"])
    assert (await ran.stdout()).split() == ["755", "777"]


async def test_a_copied_file_keeps_its_permissions(python: dagger.Container) -> None:
    """A file that is copied has the mode of its source unless another is asked for."""
    tool = directory().with_new_file("tool", "x", permissions=0o711).file("tool")
    made = python.with_file("/same", tool).with_file("/other", tool, permissions=0o600)
    assert (await made.with_exec(["stat", "-c", "%a", "/same", "/other"]).stdout()).split() == ["711", "600"]


async def test_a_huge_file(python: dagger.Container) -> None:
    """A file of 64 MiB has its size and its contents for the next step."""
    made = python.with_exec(["sh", "-c", "head -c 67108864 /dev/zero | tr '\\0' 'x' > /huge"])
    assert await made.file("/huge").size() == 67108864
    counted = dag.container().from_("python:3.13-slim").with_file("/copy", made.file("/huge"))
    assert await counted.with_exec(["sh", "-c", "tr -d x < /copy | wc -c"]).stdout() == "0\n"


async def test_a_sparse_file(python: dagger.Container) -> None:
    """A sparse file keeps its apparent size."""
    made = python.with_exec(["truncate", "-s", "5G", "/sparse"])
    assert await made.file("/sparse").size() == 5 * 1024**3


async def test_lines_of_a_file() -> None:
    """A part of a file can be asked for by lines."""
    file = directory().with_new_file("f", "0\n1\n2\n3\n4\n").file("f")
    assert await file.contents(offset_lines=1, limit_lines=2) == "1\n2\n"


async def test_lines_beyond_the_end_of_a_file() -> None:
    """Lines beyond the end are none."""
    file = directory().with_new_file("f", "0\n1").file("f")
    assert await file.contents(offset_lines=1) == "1"
    assert await file.contents(limit_lines=10) == "0\n1"


async def test_timestamps_of_a_file(python: dagger.Container) -> None:
    """The modification time can be set, in seconds since the epoch."""
    file = directory().with_new_file("f", "x").file("f").with_timestamps(1_000_000_000)
    assert await python.with_file("/f", file).with_exec(["stat", "-c", "%Y", "/f"]).stdout() == "1000000000\n"


async def test_a_missing_file_is_an_error() -> None:
    """Reading a file that is not there fails and names it."""
    with pytest.raises(dagger.QueryError, match="nowhere"):
        await directory().file("nowhere").contents()


async def test_a_directory_is_no_file() -> None:
    """Reading a directory as a file fails."""
    with pytest.raises(dagger.QueryError):
        await directory().with_new_directory("d").file("d").contents()


async def test_a_file_can_be_mounted_and_copied_from_a_container(python: dagger.Container) -> None:
    """A file made by one container is used in another."""
    made = python.with_exec(["sh", "-c", "echo made > /made"]).file("/made")
    assert await python.with_file("/got", made).file("/got").contents() == "made\n"


async def test_equal_files_have_equal_digests() -> None:
    """The digest of a file depends on its contents and not on the way to it."""
    one = directory().with_new_file("x/f", "same").file("x/f")
    two = directory().with_new_file("other", "").with_new_file("x/f", "same").file("x/f")
    three = directory().with_new_file("x/f", "different").file("x/f")
    assert await one.digest() == await two.digest()
    assert await one.digest() != await three.digest()


async def test_contents_have_a_limit(python: dagger.Container) -> None:
    """A file of more than 128 MiB is a file like others, but its contents are refused as a text."""
    big = python.with_exec(["truncate", "-s", "134217729", "/big"]).file("/big")
    assert await big.size() == 134217729
    with pytest.raises(dagger.QueryError, match=r"file size \d+ exceeds limit 134217728"):
        await big.contents()


async def test_only_a_line_feed_ends_a_line() -> None:
    """Lines are counted by line feeds, whatever else other programs take for the end of one."""
    file = dag.file("f", "a\rb\x0bc\u2028d\ne\n")
    assert await file.contents(limit_lines=1) == "a\rb\x0bc\u2028d\n"


async def test_digests_without_metadata() -> None:
    """Without metadata two files of equal contents and different modes have one digest."""
    one = directory().with_new_file("f", "same", permissions=0o600).file("f")
    two = directory().with_new_file("f", "same", permissions=0o755).file("f")
    assert await one.digest(exclude_metadata=True) == await two.digest(exclude_metadata=True)
    assert await one.digest() != await two.digest()


@pytest.mark.parametrize(
    "name",
    ["with space", "-dash", "ünï✓", "quote'\"", "back\\slash", "new\nline", "*star?", "$HOME", ".hidden", "a" * 255],
    ids=["space", "dash", "unicode", "quotes", "backslash", "newline", "wildcards", "dollar", "dot", "long"],
)
async def test_odd_names(python: dagger.Container, name: str) -> None:
    """Any name that the kernel takes is written, listed, read and copied."""
    made = directory().with_new_file(name, "odd")
    assert await made.entries() == [name]
    assert await made.file(name).contents() == "odd"
    listed = python.with_directory("/d", made).with_exec(
        ["python3", "-c", "import os; [print(repr(n), open('/d/' + n).read()) for n in os.listdir('/d')]"]
    )
    assert await listed.stdout() == f"{name!r} odd\n"


@pytest.mark.parametrize("name", ["a b", "ü", "new\nline", "-x"], ids=["space", "unicode", "newline", "dash"])
async def test_odd_names_from_executions(python: dagger.Container, name: str) -> None:
    """Files with odd names that a command made are listed."""
    code = f"import os; os.mkdir('/d'); open('/d/' + {name!r}, 'w')"
    assert await python.with_exec(["python3", "-c", code]).directory("/d").entries() == [name]
