"""The file system of a container: stacks, mounts, and what an execution leaves of them."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from embedded_engine.sandbox import (
    BindMount,
    Overlay,
    OverlayMount,
    SandboxError,
    SecretMount,
    SocketMount,
    TmpfsMount,
)

if TYPE_CHECKING:
    from engine.tests.sandbox.conftest import Bench


def _tree(place: Path, **files: str) -> Path:
    for name, content in files.items():
        path = place / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return place


async def test_changing_nothing_leaves_nothing(bench: Bench) -> None:
    """An execution that writes nothing has an empty upper directory, whatever was mounted for it."""
    source = _tree(bench.directory / "source", file="x")
    mounts = (
        BindMount(source, "/deep/er/cache"),
        BindMount(source / "file", "/etc/new/file"),
        TmpfsMount("/scratch"),
        SecretMount("/run/secrets/token", b"s"),
        OverlayMount("/src", bench.overlay(source)),
        OverlayMount("/src/inner/part", bench.overlay(source)),
    )
    ran = await bench.shell("cat /deep/er/cache/file /etc/new/file /src/file /run/secrets/token", mounts=mounts)
    assert (ran.stdout, ran.written) == ("xxxs", [])
    upper = mounts[4].overlay.upper
    assert upper is not None
    assert list(upper.iterdir()) == []


async def test_directories_around_mounts_keep_their_times(bench: Bench) -> None:
    """What was made for a mount does not show in the times of the directory around it, though others wrote there."""
    lower = _tree(bench.directory / "lower", etc__a="a", opt__b="b")
    then = 1_600_000_000
    for name in ("etc", "opt"):
        os.utime(lower / name, (then, then))
    rootfs = bench.overlay(bench.skeleton, lower)
    ran = await bench.shell(
        "chmod 600 /etc/a", rootfs=rootfs, mounts=(TmpfsMount("/etc/made"), TmpfsMount("/opt/made"))
    )
    assert ran.written == ["etc", "etc/a"]
    assert (rootfs.upper / "etc").stat().st_mtime == then  # type: ignore[operator]


async def test_directories_that_were_changed_keep_the_change(bench: Bench) -> None:
    """A directory in which the program made something has the time of that."""
    ran = await bench.shell("echo x > /opt/mine", mounts=(TmpfsMount("/opt/made"),))
    assert ran.written == ["opt", "opt/mine"]
    upper = ran.spec.rootfs.upper
    assert upper is not None
    assert time.time() - (upper / "opt").stat().st_mtime < 60


async def test_a_mount_point_that_the_program_removed_or_filled(bench: Bench) -> None:
    """Only what is still an empty stub is taken away."""
    ran = await bench.shell("rm -r /opt; mkdir /opt; echo x > /opt/x", mounts=(TmpfsMount("/mnt/a/b"),))
    assert ran.written == ["opt", "opt/x"]


async def test_deletions_become_whiteouts(bench: Bench) -> None:
    """A file of a lower layer that is removed is a character device 0:0 in the upper directory."""
    ran = await bench.shell("rm /etc/passwd")
    upper = ran.spec.rootfs.upper
    assert upper is not None
    entry = (upper / "etc/passwd").lstat()
    assert (stat.S_ISCHR(entry.st_mode), entry.st_rdev) == (True, 0)


async def test_two_hundred_layers(bench: Bench) -> None:
    """A stack far beyond a page of mount options is joined, the upper layers hiding the lower."""
    layers = [_tree(bench.directory / "l" / ("x" * 60 + str(n)), each=str(n), **{f"own{n}": ""}) for n in range(200)]
    ran = await bench.shell("cat /each; ls -d /own* | wc -l", rootfs=bench.overlay(bench.skeleton, *layers))
    assert ran.stdout == "199200\n"


async def test_more_layers_than_the_kernel_joins(bench: Bench) -> None:
    """A stack that the kernel refuses is refused in one line."""
    layers = [_tree(bench.directory / "l" / str(n), f="") for n in range(501)]
    with pytest.raises(SandboxError, match="502 layers are more than the kernel joins"):
        await bench.run("true", rootfs=bench.overlay(bench.skeleton, *layers))


async def test_a_layer_that_comes_twice(bench: Bench) -> None:
    """The same layer may be in a stack more than once; its upper place counts."""
    one, two = _tree(bench.directory / "one", f="1"), _tree(bench.directory / "two", f="2")
    ran = await bench.shell("cat /f", rootfs=bench.overlay(bench.skeleton, one, two, one))
    assert ran.stdout == "1"


async def test_odd_names_of_layers(bench: Bench) -> None:
    """Characters that mean something in mount options may be in a path."""
    layer = _tree(bench.directory / "a:b,c\\d e", f="odd")
    assert (await bench.shell("cat /f", rootfs=bench.overlay(bench.skeleton, layer))).stdout == "odd"


async def test_a_stack_of_nothing(bench: Bench) -> None:
    """A mounted tree may have no layer at all, and takes what is written."""
    place = bench.overlay()
    empty = Overlay((), place.upper, place.work)
    await bench.shell("echo x > /work/file", mounts=(OverlayMount("/work", empty),))
    assert empty.upper is not None
    assert (empty.upper / "file").read_text() == "x\n"


async def test_part_of_a_tree(bench: Bench) -> None:
    """A directory or a file inside a stack is mounted; changes go to the stack's own upper directory."""
    overlay = bench.overlay(_tree(bench.directory / "tree", sub__file="old", sub__other="o"))
    mounts = (OverlayMount("/part", overlay, "/sub"),)
    ran = await bench.shell("cat /part/file; echo new > /part/file", mounts=mounts)
    assert (ran.stdout, ran.written) == ("old", [])
    assert overlay.upper is not None
    assert (overlay.upper / "sub/file").read_text() == "new\n"
    single = bench.overlay(_tree(bench.directory / "again", sub__file="old"))
    ran = await bench.shell("cat /one; echo new > /one", mounts=(OverlayMount("/one", single, "sub/file"),))
    assert ran.stdout == "old"
    assert single.upper is not None
    assert (single.upper / "sub/file").read_text() == "new\n"


async def test_a_part_that_is_not_there(bench: Bench) -> None:
    """A path that the stack does not have is refused in one line."""
    with pytest.raises(SandboxError, match="mount /part: No such file or directory"):
        await bench.run("true", mounts=(OverlayMount("/part", bench.overlay(), "/nope"),))


async def test_a_part_behind_a_link_stays_inside_the_tree(bench: Bench) -> None:
    """A symbolic link in a stack never leads to the host."""
    tree = _tree(bench.directory / "tree", etc__passwd="inside")
    (tree / "link").symlink_to("/etc/passwd")
    (tree / "up").symlink_to("../../../../../etc/passwd")
    for name in ("link", "up"):
        ran = await bench.shell("cat /one", mounts=(OverlayMount("/one", bench.overlay(tree), name),))
        assert ran.stdout == "inside"


async def test_a_target_behind_a_link_stays_inside_the_root(bench: Bench) -> None:
    """A mount whose target is reached by a link of the container is made in the container."""
    lower = bench.directory / "lower"
    (lower / "opt").mkdir(parents=True)
    (lower / "opt/link").symlink_to("/../../srv/real")
    rootfs = bench.overlay(bench.skeleton, lower)
    ran = await bench.shell(
        "ls /srv/real", rootfs=rootfs, mounts=(BindMount(_tree(bench.directory / "s", f=""), "/opt/link"),)
    )
    assert (ran.stdout, ran.written) == ("f\n", [])
    assert not os.path.lexists("/srv/real")  # noqa: ASYNC240 (nothing else waits)


async def test_links_in_a_circle(bench: Bench) -> None:
    """A target that links to itself is refused in one line."""
    lower = bench.directory / "lower"
    lower.mkdir()
    (lower / "a").symlink_to("b")
    (lower / "b").symlink_to("a")
    with pytest.raises(SandboxError, match="mount /a: Too many levels of symbolic links"):
        await bench.run("true", rootfs=bench.overlay(bench.skeleton, lower), mounts=(TmpfsMount("/a"),))


async def test_read_only_mounts(bench: Bench) -> None:
    """Nothing is written to what is mounted read-only."""
    source = _tree(bench.directory / "source", f="x")
    mounts = (
        BindMount(source, "/one", read_only=True),
        OverlayMount("/two", bench.overlay(source), read_only=True),
        OverlayMount("/three", Overlay((source,)), read_only=True),
        OverlayMount("/four", Overlay((source, bench.skeleton)), read_only=True),
    )
    ran = await bench.shell("for d in one two three four; do touch /$d/f 2>/dev/null || echo $d; done", mounts=mounts)
    assert ran.stdout.split() == ["one", "two", "three", "four"]


async def test_a_read_only_working_directory(bench: Bench) -> None:
    """A program may stand in a read-only directory; one that is missing there cannot be made."""
    mount = BindMount(_tree(bench.directory / "source", f="x"), "/src", read_only=True)
    assert (await bench.shell("cat f", cwd="/src", mounts=(mount,))).stdout == "x"
    with pytest.raises(SandboxError, match="working directory /src/new: Read-only file system"):
        await bench.run("true", cwd="/src/new", mounts=(mount,))


async def test_cache_volumes_keep_what_is_written(bench: Bench) -> None:
    """A bound directory has what one container wrote when the next comes, and two can have it at once."""
    volume = _tree(bench.directory / "volume")
    volume.mkdir(exist_ok=True)
    mounts = (BindMount(volume, "/cache"),)
    service = await bench.start("/bin/sh", "-c", "echo x > /cache/f; sleep 600", mounts=mounts)
    ran = await bench.shell("until test -s /cache/f; do sleep 0.01; done; cat /cache/f", mounts=mounts)
    await service.stop(timeout=0)
    assert ran.stdout == "x\n"
    assert (volume / "f").read_text() == "x\n"


async def test_mounts_inside_a_volume_are_seen_by_one_container_only(bench: Bench) -> None:
    """A secret inside a shared volume shows neither in the volume nor to another container that has it."""
    volume = _tree(bench.directory / "volume", keep="")
    secret = SecretMount("/cache/secret", b"token")
    service = await bench.start("/bin/sleep", "600", mounts=(BindMount(volume, "/cache"), secret))
    assert (await bench.sandbox.exec_in(service.id, ("grep", "-q", "token", "/cache/secret"))).code == 0
    assert (await bench.shell("cat /cache/secret", mounts=(BindMount(volume, "/cache"),))).stdout == ""
    assert (volume / "secret").read_bytes() == b""
    await service.stop(timeout=0)
    assert [path.name for path in volume.iterdir()] == ["keep"]


async def test_tmpfs_size(bench: Bench) -> None:
    """A memory directory holds no more than its size, and /dev/shm can be a larger one."""
    script = "head -c 3000000 /dev/zero > /small/f 2>/dev/null || echo full; head -c 90000000 /dev/zero > /dev/shm/f; echo fits"
    ran = await bench.shell(script, mounts=(TmpfsMount("/small", 1_000_000), TmpfsMount("/dev/shm", 100_000_000)))
    assert ran.stdout.split() == ["full", "fits"]


async def test_secrets(bench: Bench) -> None:
    """A secret has its owner and mode, cannot be written, and never touches the disk."""
    mounts = (SecretMount("/run/s", b"top", 1000, 1001, 0o440),)
    ran = await bench.shell("stat -c '%u %g %a' /run/s; cat /run/s; echo x > /run/s || echo no", mounts=mounts)
    assert ran.stdout == "1000 1001 440\ntopno\n"
    assert ran.written == []


async def test_sockets_of_the_host(bench: Bench) -> None:
    """A Unix socket of the host is one in the container."""
    import socket

    path = bench.directory / "socket"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        ran = await bench.shell("test -S /run/host.sock && echo yes", mounts=(SocketMount(path, "/run/host.sock"),))
    assert ran.stdout == "yes\n"


async def test_a_source_that_is_not_there(bench: Bench) -> None:
    """A host path that does not exist is refused in one line."""
    with pytest.raises(SandboxError, match="mount /x: No such file or directory"):
        await bench.run("true", mounts=(BindMount(Path("/no/such/place"), "/x"),))


async def test_a_missing_layer(bench: Bench) -> None:
    """A layer that is gone is refused in one line."""
    with pytest.raises(SandboxError, match="overlayfs: No such file or directory"):
        await bench.run("true", rootfs=bench.overlay(bench.skeleton, Path("/no/such/layer")))


async def test_capabilities_of_files_and_special_modes_survive(bench: Bench) -> None:
    """What a program sets on its files is in the upper directory as it was set."""
    ran = await bench.shell("touch /f; chmod 6711 /f; chown 7:8 /f; mkfifo /p; mknod /n c 1 3; ln -s x /l; ln /f /hard")
    upper = ran.spec.rootfs.upper
    assert upper is not None
    assert oct((upper / "f").stat().st_mode & 0o7777) == "0o711"
    assert ((upper / "f").stat().st_uid, (upper / "f").stat().st_nlink) == (7, 2)
    assert stat.S_ISFIFO((upper / "p").lstat().st_mode)
    assert stat.S_ISCHR((upper / "n").lstat().st_mode)
