"""Layers: removals, replacements and links, as later steps see them."""

from __future__ import annotations

import dagger
import pytest
from dagger import ReturnType, dag


def sh(container: dagger.Container, script: str) -> dagger.Container:
    """The container after a shell script."""
    return container.with_exec(["sh", "-ec", script])


async def test_a_file_removed_later_is_gone(python: dagger.Container) -> None:
    """A file that a later execution removes is not there for the next one, nor when listed."""
    made = sh(sh(python, "mkdir /d; touch /d/a /d/b"), "rm /d/a")
    assert await made.directory("/d").entries() == ["b"]
    assert await sh(made, "ls /d").stdout() == "b\n"


async def test_a_file_of_the_image_can_be_removed(python: dagger.Container) -> None:
    """A file that the image has can be removed, and only in this container."""
    made = sh(python, "rm /etc/debian_version")
    assert not await made.exists("/etc/debian_version")
    assert await python.exists("/etc/debian_version")


async def test_a_directory_removed_and_made_again_is_empty(python: dagger.Container) -> None:
    """A directory that is removed and made anew hides what it had."""
    made = sh(sh(python, "mkdir -p /d/sub; touch /d/old /d/sub/old"), "rm -r /d; mkdir /d; touch /d/new")
    assert await made.directory("/d").glob("**") == ["new"]
    assert await sh(made, "find /d -mindepth 1").stdout() == "/d/new\n"


async def test_a_directory_replaced_by_a_file(python: dagger.Container) -> None:
    """A file takes the place of a directory."""
    made = sh(sh(python, "mkdir /d; touch /d/old"), "rm -r /d; echo file > /d")
    assert await made.file("/d").contents() == "file\n"


async def test_a_file_replaced_by_a_directory(python: dagger.Container) -> None:
    """A directory takes the place of a file."""
    made = sh(sh(python, "echo file > /d"), "rm /d; mkdir /d; touch /d/new")
    assert await made.directory("/d").entries() == ["new"]


async def test_a_link_replaced_by_a_directory(python: dagger.Container) -> None:
    """A directory takes the place of a link, and what the link led to stays."""
    made = sh(sh(python, "mkdir /t; touch /t/f; ln -s /t /d"), "rm /d; mkdir /d; touch /d/new")
    assert await made.directory("/d").entries() == ["new"]
    assert await made.directory("/t").entries() == ["f"]


async def test_a_renamed_directory(python: dagger.Container) -> None:
    """A directory of a lower layer can be renamed with all that is in it."""
    made = sh(sh(python, "mkdir -p /old/sub; touch /old/sub/f"), "mv /old /new")
    assert await made.directory("/new").glob("**") == ["sub/", "sub/f"]
    assert not await made.exists("/old")


async def test_a_removal_reaches_a_copy(python: dagger.Container) -> None:
    """What was removed is not in a directory that is copied out."""
    made = sh(sh(python, "mkdir -p /d/sub; touch /d/a /d/sub/b"), "rm -r /d/sub")
    assert await dag.directory().with_directory("/", made.directory("/d")).glob("**") == ["a"]


async def test_a_removed_file_is_written_again(python: dagger.Container) -> None:
    """A path can be removed and written by turns."""
    made = sh(sh(sh(python, "echo 1 > /f"), "rm /f"), "echo 3 > /f")
    assert await made.file("/f").contents() == "3\n"
    assert not await made.without_file("/f").exists("/f")
    assert await made.without_file("/f").with_new_file("/f", "5").with_exec(["cat", "/f"]).stdout() == "5"


async def test_removed_by_the_api_is_removed_for_executions(python: dagger.Container) -> None:
    """A file or directory that the API removes is not there for a command."""
    made = python.with_new_file("/d/f", "x").with_new_file("/d/sub/g", "x").without_file("/d/f")
    assert await sh(made.without_directory("/d/sub"), "find /d -mindepth 1").stdout() == ""


async def test_permissions_changed_later(python: dagger.Container) -> None:
    """A change of mode or owner alone is kept."""
    made = sh(sh(python, "touch /f; mkdir /d"), "chmod 601 /f; chown 3:4 /d")
    assert (await sh(made, "stat -c '%a %u:%g' /f /d").stdout()).splitlines() == ["601 0:0", "755 3:4"]


async def test_hard_links_are_one_file(python: dagger.Container) -> None:
    """Two names of one file stay one file for the next execution."""
    made = sh(python, "echo a > /one; ln /one /two")
    assert await sh(made, "stat -c %h /one; cat /two").stdout() == "2\na\n"


async def test_links_are_kept_as_links(python: dagger.Container) -> None:
    """A symbolic link is copied as a link, wherever it leads."""
    made = dag.directory().with_symlink("target/not/there", "link").with_symlink("/absolute", "abs")
    ran = python.with_directory("/d", made).with_exec(["readlink", "/d/link", "/d/abs"])
    assert await ran.stdout() == "target/not/there\n/absolute\n"


async def test_a_link_of_a_container(python: dagger.Container) -> None:
    """A link made in a container leads where it says."""
    made = python.with_new_file("/target", "found").with_symlink("/target", "/deep/link")
    assert await made.with_exec(["cat", "/deep/link"]).stdout() == "found"


async def test_a_file_is_read_through_a_link() -> None:
    """Reading a link reads the file that it leads to."""
    made = dag.directory().with_new_file("sub/target", "found").with_symlink("sub/target", "link")
    assert await made.file("link").contents() == "found"


async def test_a_directory_is_listed_through_a_link() -> None:
    """Listing a link lists the directory that it leads to."""
    made = dag.directory().with_new_file("sub/file", "x").with_symlink("sub", "link")
    assert await made.entries(path="link") == ["file"]
    assert await made.entries() == ["link", "sub/"]


async def test_absolute_links_stay_inside(python: dagger.Container) -> None:
    """An absolute link is resolved inside the file system that it is in, never on the machine."""
    made = dag.directory().with_new_file("etc/passwd", "inner").with_symlink("/etc/passwd", "link")
    assert await made.file("link").contents() == "inner"


async def test_links_that_lead_up_stay_inside() -> None:
    """A link cannot lead above its file system."""
    made = dag.directory().with_new_file("f", "inner").with_symlink("../../../../f", "sub/link")
    assert await made.file("sub/link").contents() == "inner"


async def test_a_loop_of_links_is_an_error() -> None:
    """Links that lead to each other fail."""
    made = dag.directory().with_symlink("b", "a").with_symlink("a", "b")
    with pytest.raises(dagger.QueryError):
        await made.file("a").contents()


async def test_a_file_written_through_a_linked_directory(python: dagger.Container) -> None:
    """Writing below a link to a directory writes where the link leads."""
    made = sh(python, "mkdir /real; ln -s /real /link").with_new_file("/link/f", "x")
    assert await made.directory("/real").entries() == ["f"]


async def test_a_directory_copied_through_a_link(python: dagger.Container) -> None:
    """Copying into a link to a directory copies where the link leads."""
    made = sh(python, "mkdir /real; ln -s /real /link")
    copied = made.with_directory("/link", dag.directory().with_new_file("f", "x"))
    assert await sh(copied, "readlink /link; ls /real").stdout() == "/real\nf\n"


async def test_a_device_can_be_copied(python: dagger.Container) -> None:
    """A named pipe that a command made stays one."""
    made = sh(sh(python, "mkfifo /pipe"), "stat -c %F /pipe")
    assert await made.stdout() == "fifo\n"


async def test_many_files(python: dagger.Container) -> None:
    """Thousands of files made by a command are listed."""
    made = sh(python, "mkdir /many; cd /many; seq 1 3000 | xargs touch")
    assert len(await made.directory("/many").entries()) == 3000


async def test_deep_paths(python: dagger.Container) -> None:
    """A path of forty parts is made and read."""
    path = "/".join(["part"] * 40)
    assert await dag.directory().with_new_file(f"{path}/f", "deep").file(f"{path}/f").contents() == "deep"


async def test_unreadable_directories_can_be_removed(python: dagger.Container) -> None:
    """Directories without any permission are kept, listed and removed."""
    made = sh(python, "mkdir -p /d/closed; touch /d/closed/f; chmod 000 /d/closed")
    assert await made.directory("/d/closed").entries() == ["f"]
    assert await made.without_directory("/d/closed").directory("/d").entries() == []


async def test_mount_points_leave_no_trace(python: dagger.Container) -> None:
    """A file system mounted where nothing is leaves at most an empty place behind."""
    made = python.with_mounted_temp("/some/mount").with_exec(["true"]).without_mount("/some/mount")
    ran = made.with_exec(["sh", "-c", "find /some -type f"], expect=ReturnType.ANY)
    assert await ran.stdout() == ""


async def test_a_long_chain_of_steps_is_one_directory(python: dagger.Container) -> None:
    """What two hundred steps wrote, replaced and removed is there as they left it, for a container too."""
    made = dag.directory().with_new_file("gone/f", "")
    for number in range(200):
        made = made.with_new_file(f"d/{number % 40}", str(number))
    made = made.without_directory("gone")
    ran = sh(python.with_mounted_directory("/m", made), "ls /m; ls /m/d | wc -l; cat /m/d/0 /m/d/39")
    assert await ran.stdout() == "d\n40\n160199"
