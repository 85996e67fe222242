"""Directories: entries, globs, parts, removals, digests."""

from __future__ import annotations

import dagger
import pytest
from dagger import ExistsType, dag


def tree() -> dagger.Directory:
    """A few files in folders."""
    return (
        dag.directory()
        .with_new_file("README.md", "read")
        .with_new_file("src/main.py", "main")
        .with_new_file("src/lib/util.py", "util")
        .with_new_file("src/lib/data.json", "{}")
        .with_new_file("tests/test_main.py", "test")
        .with_new_directory("empty")
    )


async def test_entries_are_sorted_and_mark_directories() -> None:
    """Entries come in order of their names, directories with a slash."""
    assert await tree().entries() == ["README.md", "empty/", "src/", "tests/"]


async def test_entries_of_a_path() -> None:
    """The entries of a path below are asked for by that path."""
    assert await tree().entries(path="src/lib") == ["data.json", "util.py"]


async def test_entries_of_nothing() -> None:
    """A new directory is empty."""
    assert await dag.directory().entries() == []


async def test_entries_of_a_missing_path_are_an_error() -> None:
    """Listing a path that is not there fails and names it."""
    with pytest.raises(dagger.QueryError, match="nowhere"):
        await tree().entries(path="nowhere")


async def test_entries_of_a_file_are_an_error() -> None:
    """Listing a file fails."""
    with pytest.raises(dagger.QueryError):
        await tree().entries(path="README.md")


async def test_a_missing_subdirectory_is_an_error() -> None:
    """A directory that is not there fails when it is used."""
    with pytest.raises(dagger.QueryError, match="nowhere"):
        await tree().directory("nowhere").entries()


async def test_a_subdirectory_that_is_a_file_is_an_error() -> None:
    """A file cannot be taken for a directory."""
    with pytest.raises(dagger.QueryError):
        await tree().directory("README.md").sync()


async def test_a_part_of_a_directory() -> None:
    """A directory below has its own paths."""
    assert await tree().directory("src").directory("lib").file("util.py").contents() == "util"


async def test_a_change_in_a_part() -> None:
    """A part that is changed is a directory of its own, with the whole of that part."""
    part = tree().directory("src").with_new_file("new", "x")
    assert await part.entries() == ["lib/", "main.py", "new"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        pytest.param("*.md", ["README.md"], id="at the top"),
        pytest.param("*.py", [], id="star does not descend"),
        pytest.param("**/*.py", ["src/lib/util.py", "src/main.py", "tests/test_main.py"], id="at any depth"),
        pytest.param("src/*", ["src/lib/", "src/main.py"], id="entries of a directory"),
        pytest.param("src/**", ["src/lib/", "src/lib/data.json", "src/lib/util.py", "src/main.py"], id="all below"),
        pytest.param("**/lib", ["src/lib/"], id="a directory"),
        pytest.param("src", ["src/"], id="a plain name"),
        pytest.param("src/lib/util.py", ["src/lib/util.py"], id="a plain path"),
        pytest.param("nothing*", [], id="no match"),
        pytest.param("**/[tu]*.py", ["src/lib/util.py", "tests/test_main.py"], id="a class"),
        pytest.param("src/main.p?", ["src/main.py"], id="one character"),
    ],
)
async def test_glob(pattern: str, expected: list[str]) -> None:
    """A glob gives the paths that match, directories with a slash."""
    assert sorted(await tree().glob(pattern)) == sorted(expected)


@pytest.mark.parametrize(
    ("path", "kind", "expected"),
    [
        pytest.param("README.md", None, True, id="file"),
        pytest.param("src", None, True, id="directory"),
        pytest.param("nowhere", None, False, id="missing"),
        pytest.param("README.md", ExistsType.REGULAR_TYPE, True, id="file as file"),
        pytest.param("README.md", ExistsType.DIRECTORY_TYPE, False, id="file as directory"),
        pytest.param("src", ExistsType.DIRECTORY_TYPE, True, id="directory as directory"),
        pytest.param("src", ExistsType.REGULAR_TYPE, False, id="directory as file"),
        pytest.param("link", ExistsType.SYMLINK_TYPE, True, id="link as link"),
        pytest.param("link", ExistsType.REGULAR_TYPE, True, id="link to a file as file"),
        pytest.param("dangling", None, False, id="dangling link"),
        pytest.param("dangling", ExistsType.SYMLINK_TYPE, True, id="dangling link as link"),
        pytest.param("../..", None, True, id="above"),
    ],
)
async def test_exists(path: str, kind: ExistsType | None, expected: bool) -> None:
    """Whether something is there, and is of a kind; links are followed unless a link is asked for."""
    made = tree().with_symlink("README.md", "link").with_symlink("nowhere", "dangling")
    assert await made.exists(path, expected_type=kind) is expected


async def test_exists_without_following() -> None:
    """Without following links a dangling link exists, and is no file."""
    made = tree().with_symlink("README.md", "link").with_symlink("nowhere", "dangling")
    assert await made.exists("dangling", do_not_follow_symlinks=True)
    assert not await made.exists("link", expected_type=ExistsType.REGULAR_TYPE, do_not_follow_symlinks=True)


async def test_removed_files_are_gone() -> None:
    """A removed file is not listed, its neighbours are."""
    assert await tree().without_file("src/lib/util.py").entries(path="src/lib") == ["data.json"]


async def test_several_files_can_be_removed() -> None:
    """Files are removed by a list of paths."""
    assert await tree().without_files(["README.md", "src/main.py"]).glob("**/*.[mp]*") == [
        "src/lib/util.py",
        "tests/test_main.py",
    ]


async def test_a_removed_directory_is_gone() -> None:
    """A directory is removed with all that is in it."""
    assert await tree().without_directory("src").entries() == ["README.md", "empty/", "tests/"]


async def test_a_removal_of_what_is_not_there() -> None:
    """Removing a directory that is not there changes nothing."""
    assert await tree().without_directory("nowhere").entries() == await tree().entries()


async def test_a_file_that_is_not_there_can_be_removed() -> None:
    """Removing a file that is not there changes nothing."""
    assert await tree().without_file("nowhere").entries() == await tree().entries()


async def test_removals_take_wildcards() -> None:
    """A removed path may be a pattern."""
    assert await tree().without_file("src/lib/*.py").entries(path="src/lib") == ["data.json"]


async def test_something_new_where_something_was_removed() -> None:
    """A directory that is removed and made again has only what is new."""
    made = tree().without_directory("src").with_new_file("src/new", "x")
    assert await made.glob("src/**") == ["src/new"]


async def test_a_new_directory_with_permissions(python: dagger.Container) -> None:
    """A new directory has the mode that is asked for."""
    made = dag.directory().with_new_directory("a/b", permissions=0o755).with_new_directory("c", permissions=0o700)
    ran = python.with_directory("/d", made).with_exec(["stat", "-c", "%a", "/d/a", "/d/a/b", "/d/c"])
    assert (await ran.stdout()).split() == ["755", "755", "700"]


async def test_a_new_directory_where_one_is() -> None:
    """Making a directory that is there keeps what is in it."""
    assert await tree().with_new_directory("src").entries(path="src") == ["lib/", "main.py"]


async def test_names_of_directories() -> None:
    """A directory tells its name; the root's is a slash."""
    assert await tree().directory("src/lib").name() == "lib/"
    assert await tree().name() == "/"


async def test_equal_directories_have_equal_digests() -> None:
    """The digest depends on the contents and not on the order of the steps."""
    one = dag.directory().with_new_file("a", "1").with_new_file("b", "2")
    two = dag.directory().with_new_file("b", "2").with_new_file("x", "3").with_new_file("a", "1").without_file("x")
    assert await one.digest() == await two.digest()
    assert await one.digest() != await one.with_new_file("a", "other").digest()


async def test_timestamps_do_not_count_in_digests() -> None:
    """Directories that differ only in modification times have one digest."""
    one = dag.directory().with_new_file("a", "1")
    assert await one.with_timestamps(1_000_000_000).digest() == await one.with_timestamps(2_000_000_000).digest()


async def test_timestamps_reach_everything(python: dagger.Container) -> None:
    """The modification time is set on all files and directories below."""
    made = python.with_directory("/d", tree().with_timestamps(1_000_000_000))
    ran = made.with_exec(["sh", "-c", "find /d -mindepth 1 -printf '%T@\\n' | sort -u"])
    assert await ran.stdout() == "1000000000.0000000000\n"


async def test_a_path_that_leads_up() -> None:
    """A path with `..` leads from a part to the directory that it is a part of, and never above that."""
    part = tree().directory("src")
    assert await part.file("../README.md").contents() == "read"
    assert await part.file("../../../tests/test_main.py").contents() == "test"
    assert await part.directory("..").entries() == await tree().entries()
    assert await part.with_new_file("../new", "x").entries() == ["lib/", "main.py"]


async def test_nothing_exists_below_a_file() -> None:
    """Asking whether something is below a file is an error, not a no."""
    with pytest.raises(dagger.QueryError, match="not a directory"):
        await tree().exists("README.md/x")


async def test_paths_are_cleaned() -> None:
    """Slashes, dots and a leading slash make no difference."""
    assert await tree().file("/src//./lib/../main.py").contents() == "main"
    assert await tree().with_new_file("/top", "x").file("top").contents() == "x"


async def test_sync_gives_the_directory() -> None:
    """Sync makes the directory and can be followed by more."""
    assert await (await tree().sync()).entries(path="tests") == ["test_main.py"]


async def test_a_container_directory(python: dagger.Container) -> None:
    """A directory that a command filled is used like any other."""
    made = python.with_exec(["sh", "-c", "mkdir -p /out/sub && echo 1 > /out/a && echo 2 > /out/sub/b"])
    out = made.directory("/out").without_file("a")
    assert await out.glob("**") == ["sub/", "sub/b"]
