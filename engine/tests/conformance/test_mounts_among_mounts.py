"""Mounts over, inside and instead of one another."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import dagger
from dagger import dag

Failure = Callable[[Awaitable[object]], Awaitable[str]]


def files() -> dagger.Directory:
    """Two files, one of them in a directory."""
    return dag.directory().with_new_file("a", "A").with_new_file("sub/b", "B")


async def test_memory_is_for_executions_only(python: dagger.Container, failure: Failure) -> None:
    """Nothing of a mounted memory is read or written but by executions."""
    made = python.with_mounted_temp("/c")
    assert (
        await failure(made.directory("/c").entries()),
        await failure(made.file("/c/x").contents()),
        await failure(made.with_new_file("/c/x", "x").sync()),
        await failure(made.exists("/c/x")),
        await failure(made.exists("/c")),
    ) == (
        "/c: cannot retrieve path from tmpfs",
        "/c/x: cannot retrieve path from tmpfs",
        "failed to locate path /c/x: /c/x: cannot retrieve path from tmpfs",
        "failed to locate path /c/x: /c/x: cannot retrieve path from tmpfs",
        "failed to locate path /c: /c: cannot retrieve path from tmpfs",
    )


async def test_the_last_mount_of_a_path(python: dagger.Container) -> None:
    """The last mount at a path counts, and removing it does not bring the first one back."""
    made = python.with_mounted_directory("/m", files()).with_mounted_directory(
        "/m", dag.directory().with_new_file("z", "Z")
    )
    assert await made.with_exec(["ls", "/m"]).stdout() == "z\n"
    assert not await made.without_mount("/m").exists("/m")


async def test_a_mount_ends_those_below_it(python: dagger.Container) -> None:
    """A mount ends those that were made below it before."""
    made = python.with_mounted_directory("/m", files()).with_mounted_directory(
        "/m/sub", dag.directory().with_new_file("z", "Z")
    )
    a = await made.directory("/m/sub").entries()
    again = made.with_mounted_directory("/m", dag.directory().with_new_file("q", ""))
    assert a == ["z"]
    assert await again.directory("/m").entries() == ["q"]
    assert await again.with_exec(["ls", "-R", "/m"]).stdout() == "/m:\nq\n"
    assert await again.mounts() == ["/m"]


async def test_a_hidden_file_comes_back(python: dagger.Container) -> None:
    """What a mount hides is there again without it."""
    made = python.with_new_file("/m/below", "b").with_mounted_directory("/m", files())
    assert await made.directory("/m").entries() == ["a", "sub/"]
    assert await made.without_mount("/m").directory("/m").entries() == ["below"]


async def test_a_relative_mount_is_removed(python: dagger.Container) -> None:
    """A mount is removed by the relative path that it was made by."""
    made = python.with_workdir("/w").with_mounted_directory("m", files())
    assert await made.mounts() == ["/w/m"]
    assert await made.without_mount("m").mounts() == []


async def test_directories_for_a_mounted_file(python: dagger.Container) -> None:
    """The directories that lead to a mounted file are made, and are gone without it."""
    f = files().file("a")
    made = python.with_mounted_file("/deep/er/file", f)
    ran = made.with_exec(["sh", "-c", "cat /deep/er/file; stat -c '%a %u:%g' /deep /deep/er /deep/er/file"])
    assert await ran.stdout() == "A755 0:0\n755 0:0\n644 0:0\n"
    assert not await ran.without_mount("/deep/er/file").exists("/deep")


async def test_directories_for_a_mount_are_gone(python: dagger.Container) -> None:
    """The directories that were made for a mount do not stay."""
    ran = python.with_mounted_directory("/deep/er/dir", files()).with_exec(["true"])
    assert not await ran.without_mount("/deep/er/dir").exists("/deep")
    assert not await ran.rootfs().exists("/deep")


async def test_a_directory_for_a_mount_that_was_used_stays(python: dagger.Container) -> None:
    """A directory that was made for a mount stays where a command put something into it."""
    ran = python.with_mounted_directory("/deep/er/dir", files()).with_exec(["touch", "/deep/x"])
    assert await ran.rootfs().glob("deep/**") == ["deep/x"]


async def test_a_read_only_mount_refuses(python: dagger.Container) -> None:
    """A command cannot write to a read-only mount."""
    ran = python.with_mounted_directory("/m", files(), read_only=True).with_exec(
        ["sh", "-c", "touch /m/x 2>&1; echo $?"]
    )
    assert await ran.stdout() == "touch: cannot touch '/m/x': Read-only file system\n1\n"


async def test_the_api_writes_to_read_only_mounts(python: dagger.Container) -> None:
    """A read-only mount is read-only for commands, not for the API."""
    made = python.with_mounted_directory("/m", files(), read_only=True)
    assert await made.with_new_file("/m/x", "x").directory("/m").entries() == ["a", "sub/", "x"]


async def test_an_owner_of_everything_mounted(python: dagger.Container) -> None:
    """The owner of a mount owns everything in it."""
    ran = python.with_mounted_directory("/m", files(), owner="nobody").with_exec(
        ["sh", "-c", "stat -c '%n %a %U:%G' /m /m/a /m/sub /m/sub/b"]
    )
    assert (
        await ran.stdout()
        == "/m 755 nobody:nogroup\n/m/a 644 nobody:nogroup\n/m/sub 755 nobody:nogroup\n/m/sub/b 644 nobody:nogroup\n"
    )


async def test_an_unknown_owner_of_a_mount(python: dagger.Container, failure: Failure) -> None:
    """A mount cannot belong to nobody known."""
    assert (
        await failure(python.with_mounted_directory("/m", files(), owner="nosuch").sync())
        == "find uid: no such user: nosuch"
    )


async def test_a_directory_mounted_as_a_file(fresh: dagger.Container, failure: Failure) -> None:
    """A directory is not mounted as a file."""
    assert (
        await failure(
            fresh.with_mounted_file("/f", dag.directory().with_new_file("sub/b", "").file("sub"))
            .with_exec(["true"])
            .sync()
        )
        == "path sub is a directory, not a file"
    )


async def test_a_mount_through_a_link(python: dagger.Container) -> None:
    """A mount goes where a link leads."""
    made = python.with_exec(["sh", "-c", "mkdir /real && ln -s /real /link"]).with_mounted_directory("/link", files())
    assert (
        await made.with_exec(["sh", "-c", "ls /real; ls /link; readlink /link"]).stdout() == "a\nsub\na\nsub\n/real\n"
    )


async def test_a_mounted_file_changes(python: dagger.Container) -> None:
    """A mounted file that a command changes is read with the change."""
    made = python.with_mounted_file("/f", files().file("a")).with_exec(["sh", "-c", "echo more >> /f"])
    assert await made.file("/f").contents() == "Amore\n"
    assert await made.with_exec(["cat", "/f"]).stdout() == "Amore\n"


async def test_a_new_file_ends_a_mount(python: dagger.Container) -> None:
    """A file written where one is mounted takes the mount's place."""
    made = python.with_mounted_file("/f", files().file("a")).with_new_file("/f", "new")
    assert await made.file("/f").contents() == "new"
    assert await made.with_exec(["cat", "/f"]).stdout() == "new"
    assert await made.mounts() == []


async def test_removing_a_mounted_file(python: dagger.Container, failure: Failure) -> None:
    """Removing a mounted file removes the mount too."""
    made = python.with_mounted_file("/f", files().file("a")).without_file("/f")
    assert not await made.exists("/f")
    assert await failure(made.with_exec(["sh", "-c", "ls /f 2>&1"]).stdout()) == "exit code: 2"
    assert await made.mounts() == []


async def test_copies_into_a_mount(python: dagger.Container) -> None:
    """Directories are copied into a mounted directory, at its top and below."""
    made = (
        python.with_mounted_directory("/m", files())
        .with_directory("/m/more", files())
        .with_directory("/m", dag.directory().with_new_file("n", "N"))
    )
    assert (await made.directory("/m").glob("**"), await made.with_exec(["sh", "-c", "find /m | sort"]).stdout()) == (
        ["a", "more/", "more/a", "more/sub/", "more/sub/b", "n", "sub/", "sub/b"],
        "/m\n/m/a\n/m/more\n/m/more/a\n/m/more/sub\n/m/more/sub/b\n/m/n\n/m/sub\n/m/sub/b\n",
    )


async def test_a_copy_stops_at_a_mount(python: dagger.Container) -> None:
    """A copy into the directory around a mount does not reach into the mount."""
    made = python.with_mounted_directory("/m/in", files()).with_directory(
        "/m", dag.directory().with_new_file("in/n", "N").with_new_file("o", "O")
    )
    assert (
        await made.directory("/m/in").entries(),
        await made.directory("/m").entries(),
        await made.with_exec(["sh", "-c", "find /m | sort"]).stdout(),
    ) == (["a", "sub/"], ["in/", "o"], "/m\n/m/in\n/m/in/a\n/m/in/sub\n/m/in/sub/b\n/m/o\n")


async def test_memory_of_a_size(fresh: dagger.Container) -> None:
    """A mounted memory has its size and belongs to root."""
    assert (
        await fresh.with_mounted_temp("/t", size=4 * 1024 * 1024)
        .with_exec(["sh", "-c", "df -k --output=size /t | tail -1; stat -c '%a %u:%g' /t"])
        .stdout()
        == "     4096\n755 0:0\n"
    )


async def test_later_mounts_keep_earlier_changes(python: dagger.Container) -> None:
    """A later mount leaves what was written to an earlier one."""
    made = (
        python.with_mounted_directory("/m", files())
        .with_exec(["sh", "-c", "echo x > /m/x"])
        .with_mounted_directory("/n", files())
    )
    assert await made.with_exec(["cat", "/m/x"]).stdout() == "x\n"
    assert await made.directory("/m").entries() == ["a", "sub/", "x"]


async def test_owners_and_modes_are_mounted(python: dagger.Container) -> None:
    """A directory of a container is mounted with its owners, modes and links."""
    d = python.with_exec(
        ["sh", "-c", "mkdir -p /o/p; echo x > /o/p/f; ln -s f /o/p/l; chown -R 5:6 /o; chmod 700 /o/p"]
    ).directory("/o")
    assert (
        await python.with_mounted_directory("/m", d)
        .with_exec(["sh", "-c", "cd /m; stat -c '%n %a %u:%g' . p p/f p/l; readlink p/l"])
        .stdout()
        == ". 755 5:6\np 700 5:6\np/f 644 5:6\np/l 777 5:6\nf\n"
    )


async def test_a_working_directory_in_a_mount(python: dagger.Container) -> None:
    """The working directory can be a mount."""
    assert (
        await python.with_mounted_directory("/src", files())
        .with_workdir("/src")
        .with_exec(["sh", "-c", "pwd; ls"])
        .stdout()
        == "/src\na\nsub\n"
    )


async def test_a_new_working_directory_in_a_mount(python: dagger.Container) -> None:
    """A working directory that is missing in a mount is made there."""
    made = python.with_mounted_directory("/src", files()).with_workdir("/src/new").with_exec(["pwd"])
    assert await made.stdout() == "/src/new\n"
    assert await made.directory("/src").entries() == ["a", "new/", "sub/"]


async def test_an_empty_directory_is_mounted(python: dagger.Container) -> None:
    """An empty directory can be mounted."""
    assert (
        await python.with_mounted_directory("/m", dag.directory())
        .with_exec(["sh", "-c", "stat -c '%a %u:%g' /m; ls -A /m | wc -l"])
        .stdout()
        == "755 0:0\n0\n"
    )


async def test_one_directory_in_two_places(python: dagger.Container) -> None:
    """A directory that is mounted twice is two copies."""
    d = files()
    made = (
        python.with_mounted_directory("/m", d)
        .with_mounted_directory("/n", d)
        .with_exec(["sh", "-c", "echo 1 > /m/1; echo 2 > /n/2; ls /m /n"])
    )
    assert await made.stdout() == "/m:\n1\na\nsub\n\n/n:\n2\na\nsub\n"


async def test_memory_belongs_to_root(fresh: dagger.Container) -> None:
    """A mounted memory is root's, others may read it, and it holds programs and devices but nothing setuid."""
    script = "stat -c '%a %u:%g' /t; grep ' /t ' /proc/mounts | cut -d' ' -f3,4 | tr ', ' '\\n'"
    place, kind, *options = (await fresh.with_mounted_temp("/t").with_exec(["sh", "-c", script]).stdout()).splitlines()
    assert (place, kind) == ("755 0:0", "tmpfs")
    assert {"rw", "nosuid", "nodev", "noexec", "mode=755"}.intersection(options) == {"rw", "nosuid", "mode=755"}


async def test_memory_refuses_others(fresh: dagger.Container, failure: Failure) -> None:
    """A user cannot write to a mounted memory of root."""
    assert (
        await failure(
            fresh.with_user("nobody").with_mounted_temp("/t").with_exec(["sh", "-c", "touch /t/x && echo ok"]).stdout()
        )
        == "exit code: 1"
    )
