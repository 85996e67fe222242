"""Files that a container is given: where they go, and with which mode."""

from __future__ import annotations

import dagger
import pytest
from dagger import FileType, dag


def container() -> dagger.Container:
    """A container with a file, a directory, and links to both and to nothing."""
    files = dag.directory().with_new_file("file", "old", permissions=0o600).with_new_directory("dir")
    links = files.with_symlink("file", "to-file").with_symlink("dir", "to-dir").with_symlink("nothing", "to-nothing")
    return dag.container().with_rootfs(links)


async def test_a_new_file_has_its_own_mode() -> None:
    """A new file in place of another one has its own mode, in a container; in a directory it keeps the old one."""
    assert await container().with_new_file("/file", "new").stat("/file").permissions() == 0o644
    assert await container().rootfs().with_new_file("file", "new").stat("file").permissions() == 0o600


@pytest.mark.parametrize("link", ["to-file", "to-nothing"])
async def test_a_new_file_in_place_of_a_link(link: str) -> None:
    """A new file takes the place of a link, in a container; in a directory it is written where that leads."""
    made = container().with_new_file(link, "new")
    assert await made.rootfs().stat(link, do_not_follow_symlinks=True).file_type() == FileType.REGULAR
    assert await made.file("/file").contents() == "old"
    kept = container().rootfs().with_new_file(link, "new")
    assert await kept.stat(link, do_not_follow_symlinks=True).file_type() == FileType.SYMLINK
    assert await kept.file(link).contents() == "new"


@pytest.mark.parametrize(
    ("path", "place"),
    [
        pytest.param("/dir", "dir/dir", id="a directory"),
        pytest.param("/dir/", "dir/dir", id="a directory with a slash"),
        pytest.param("/to-dir", "dir/to-dir", id="a link to a directory"),
        pytest.param("/to-dir/x", "dir/x", id="below a link"),
        pytest.param("/new/", "new/new", id="a new directory"),
    ],
)
async def test_where_a_new_file_goes(path: str, place: str) -> None:
    """A new file goes into a directory by the last part of its path."""
    assert await container().with_new_file(path, "new").file(place).contents() == "new"


@pytest.mark.parametrize("path", ["", ".", "..", "/"])
async def test_a_new_file_without_a_name(path: str) -> None:
    """A new file needs a name."""
    with pytest.raises(dagger.QueryError, match="is a directory"):
        await container().with_workdir("/w").with_new_file(path, "x").sync()


async def test_a_new_file_of_an_owner(python: dagger.Container) -> None:
    """A new file has the owner that is asked for and else belongs to root, whoever had the one before."""
    made = python.with_new_file("/f", "1", owner="5:6", permissions=0o600)
    assert await made.with_exec(["stat", "-c", "%a %u:%g", "/f"]).stdout() == "600 5:6\n"
    assert await made.with_new_file("/f", "2").with_exec(["stat", "-c", "%a %u:%g", "/f"]).stdout() == "644 0:0\n"


async def test_a_link_to_nothing_at_all() -> None:
    """A link must lead somewhere, if only by its text, and takes nobody's place."""
    with pytest.raises(dagger.QueryError, match="no such file or directory"):
        await dag.directory().with_symlink("", "link").entries()
    with pytest.raises(dagger.QueryError, match="file exists"):
        await container().with_symlink("x", "/file").sync()


async def test_lines_before_the_first() -> None:
    """A number of lines below zero is none that was asked for."""
    file = dag.file("f", "1\n2\n")
    assert await file.contents(offset_lines=-1) == "1\n2\n"
    assert await file.contents(limit_lines=-1) == "1\n2\n"
    assert await file.contents(offset_lines=1, limit_lines=-1) == "2\n"
