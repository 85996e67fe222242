"""Mounts of directories, files and memory."""

from __future__ import annotations

import dagger
import pytest
from dagger import dag


def source() -> dagger.Directory:
    """What is mounted."""
    return dag.directory().with_new_file("f", "mounted").with_new_file("sub/g", "below")


async def test_a_mounted_directory_is_seen(python: dagger.Container) -> None:
    """A command sees the files of a mounted directory."""
    assert await python.with_mounted_directory("/m", source()).with_exec(["cat", "/m/f"]).stdout() == "mounted"


async def test_a_mount_hides_what_was_there(python: dagger.Container) -> None:
    """What the root has at the mount's path is hidden and comes back."""
    made = python.with_new_file("/m/own", "x").with_mounted_directory("/m", source())
    assert await made.with_exec(["ls", "/m"]).stdout() == "f\nsub\n"
    assert await made.without_mount("/m").with_exec(["ls", "/m"]).stdout() == "own\n"


async def test_writes_to_a_mount_are_seen_by_the_next_step(python: dagger.Container) -> None:
    """What a command writes into a mounted directory is there for the next one and when read."""
    made = python.with_mounted_directory("/m", source()).with_exec(["sh", "-c", "echo new > /m/new"])
    assert await made.with_exec(["cat", "/m/new"]).stdout() == "new\n"
    assert await made.directory("/m").entries() == ["f", "new", "sub/"]
    assert await made.file("/m/new").contents() == "new\n"


async def test_writes_to_a_mount_stay_out_of_the_source(python: dagger.Container) -> None:
    """The directory that was mounted never changes."""
    directory = source()
    await python.with_mounted_directory("/m", directory).with_exec(["rm", "/m/f"]).sync()
    assert await directory.entries() == ["f", "sub/"]


async def test_writes_to_a_mount_stay_out_of_the_rootfs(python: dagger.Container) -> None:
    """The root file system does not get what is written into a mount."""
    made = python.with_mounted_directory("/m", source()).with_exec(["touch", "/m/new", "/in-root"])
    assert not await made.rootfs().exists("m/new")
    assert await made.rootfs().exists("in-root")


async def test_a_read_only_mount(python: dagger.Container) -> None:
    """A read-only mount cannot be written."""
    made = python.with_mounted_directory("/m", source(), read_only=True)
    with pytest.raises(dagger.ExecError) as caught:
        await made.with_exec(["touch", "/m/new"]).sync()
    assert "Read-only file system" in caught.value.stderr


async def test_a_mount_with_an_owner(python: dagger.Container) -> None:
    """Everything in a directory mounted with an owner belongs to it."""
    made = python.with_mounted_directory("/m", source(), owner="1000:1000")
    ran = made.with_exec(["sh", "-c", "find /m -printf '%U:%G\\n' | sort -u"])
    assert await ran.stdout() == "1000:1000\n"


async def test_a_user_writes_to_a_mount_of_theirs(python: dagger.Container) -> None:
    """A user without rights can write to a directory mounted for them."""
    made = python.with_mounted_directory("/m", source(), owner="nobody").with_user("nobody")
    assert await made.with_exec(["sh", "-c", "echo x > /m/f && cat /m/f"]).stdout() == "x\n"


async def test_a_part_of_a_directory_is_mounted(python: dagger.Container) -> None:
    """A subdirectory is mounted without the rest."""
    made = python.with_mounted_directory("/m", source().directory("sub"))
    assert await made.with_exec(["ls", "/m"]).stdout() == "g\n"


async def test_mounts_inside_mounts(python: dagger.Container) -> None:
    """A mount inside another one covers a part of it."""
    inner = dag.directory().with_new_file("inner", "x")
    made = python.with_mounted_directory("/m", source()).with_mounted_directory("/m/sub", inner)
    assert await made.with_exec(["sh", "-c", "ls /m /m/sub"]).stdout() == "/m:\nf\nsub\n\n/m/sub:\ninner\n"


async def test_a_mounted_file(python: dagger.Container) -> None:
    """A file is mounted at a path by any name."""
    made = python.with_mounted_file("/etc/other-name", source().file("f"))
    assert await made.with_exec(["cat", "/etc/other-name"]).stdout() == "mounted"


async def test_a_mounted_file_can_be_changed(python: dagger.Container) -> None:
    """What a command writes into a mounted file is there for the next one."""
    made = python.with_mounted_file("/m", source().file("f")).with_exec(["sh", "-c", "echo more >> /m"])
    assert await made.with_exec(["cat", "/m"]).stdout() == "mountedmore\n"
    assert await made.file("/m").contents() == "mountedmore\n"


async def test_a_mounted_file_with_an_owner(python: dagger.Container) -> None:
    """A file is mounted for its owner."""
    made = python.with_mounted_file("/m", source().file("f"), owner="nobody")
    assert (await made.with_exec(["stat", "-c", "%U", "/m"]).stdout()) == "nobody\n"


async def test_files_are_written_into_mounts_by_the_api(python: dagger.Container) -> None:
    """A new file below a mount goes into the mount."""
    made = python.with_mounted_directory("/m", source()).with_new_file("/m/sub/api", "x")
    assert await made.with_exec(["cat", "/m/sub/api"]).stdout() == "x"
    assert await made.directory("/m/sub").entries() == ["api", "g"]
    assert not await made.rootfs().exists("m/sub/api")


async def test_files_are_removed_from_mounts_by_the_api(python: dagger.Container) -> None:
    """A file of a mount can be removed."""
    made = python.with_mounted_directory("/m", source()).without_file("/m/f")
    assert await made.with_exec(["ls", "/m"]).stdout() == "sub\n"


async def test_a_second_mount_at_a_path_replaces_the_first(python: dagger.Container) -> None:
    """The last mount at a path counts."""
    made = python.with_mounted_directory("/m", source()).with_mounted_directory(
        "/m", dag.directory().with_new_file("other", "")
    )
    assert await made.with_exec(["ls", "/m"]).stdout() == "other\n"
    assert await made.mounts() == ["/m"]


async def test_mounts_are_told(python: dagger.Container) -> None:
    """The paths of all mounts are told in their order."""
    made = (
        python.with_mounted_temp("/t")
        .with_mounted_directory("/m", source())
        .with_mounted_file("/f", source().file("f"))
    )
    assert await made.mounts() == ["/t", "/m", "/f"]


async def test_memory_is_empty_each_time(python: dagger.Container) -> None:
    """A temporary mount forgets what was written when the execution ends."""
    made = python.with_mounted_temp("/t").with_exec(["touch", "/t/f"])
    assert await made.with_exec(["ls", "/t"]).stdout() == ""


async def test_memory_has_the_size_that_is_asked_for(python: dagger.Container) -> None:
    """A temporary mount with a size holds no more."""
    made = python.with_mounted_temp("/t", size=1024 * 1024)
    ran = made.with_exec(["sh", "-c", "df --output=size -k /t | tail -1"])
    assert (await ran.stdout()).strip() == "1024"


async def test_memory_cannot_be_read_from_outside(python: dagger.Container) -> None:
    """A directory of a temporary mount cannot be asked for."""
    with pytest.raises(dagger.QueryError, match="tmpfs"):
        await python.with_mounted_temp("/t").directory("/t").entries()


async def test_relative_mounts(python: dagger.Container) -> None:
    """A relative path of a mount is below the working directory."""
    made = python.with_workdir("/w").with_mounted_directory("m", source())
    assert await made.mounts() == ["/w/m"]
    assert await made.with_exec(["cat", "m/f"]).stdout() == "mounted"


async def test_a_missing_source_is_an_error(python: dagger.Container) -> None:
    """A directory that is not there cannot be mounted."""
    with pytest.raises(dagger.QueryError, match="nowhere"):
        await python.with_mounted_directory("/m", source().directory("nowhere")).with_exec(["true"]).sync()


async def test_a_new_root(python: dagger.Container) -> None:
    """The whole root file system can be replaced and keeps the configuration."""
    made = python.with_env_variable("KEPT", "yes").with_rootfs(python.rootfs().with_new_file("marker", "x"))
    assert await made.with_exec(["sh", "-c", "cat /marker; echo $KEPT"]).stdout() == "xyes\n"
