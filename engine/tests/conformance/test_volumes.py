"""Cache volumes: which one it is, whose, and what it begins with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import dagger
from dagger import CacheSharingMode, ReturnType, dag

from web import fetch

Failure = Callable[[Awaitable[object]], Awaitable[str]]


def files() -> dagger.Directory:
    """Two files, one of them in a directory."""
    return dag.directory().with_new_file("a", "A").with_new_file("sub/b", "B")


async def test_a_volume_belongs_to_root(python: dagger.Container, unique: str) -> None:
    """A volume belongs to root, and everybody may read it."""
    assert (
        await python.with_mounted_cache("/c", dag.cache_volume(unique))
        .with_exec(["stat", "-c", "%a %u:%g", "/c"])
        .stdout()
        == "755 0:0\n"
    )


async def test_a_user_cannot_write_to_roots_volume(python: dagger.Container, unique: str) -> None:
    """The user of a container does not own its volumes."""
    assert (
        await python.with_user("nobody")
        .with_mounted_cache("/c", dag.cache_volume(unique))
        .with_exec(["sh", "-c", "stat -c '%a %u:%g' /c; touch /c/x 2>&1"], expect=ReturnType.ANY)
        .stdout()
        == "755 0:0\ntouch: cannot touch '/c/x': Permission denied\n"
    )


async def test_a_volume_of_a_named_user(python: dagger.Container, unique: str) -> None:
    """A volume can belong to a user and group by their names."""
    assert (
        await python.with_mounted_cache("/c", dag.cache_volume(unique), owner="nobody:daemon")
        .with_exec(["stat", "-c", "%a %U:%G", "/c"])
        .stdout()
        == "755 nobody:daemon\n"
    )


async def test_an_owner_of_what_a_volume_begins_with(python: dagger.Container, unique: str) -> None:
    """The owner of a volume owns all that it begins with."""
    made = python.with_mounted_cache("/c", dag.cache_volume(unique), owner="1000:2000", source=files())
    assert (
        await made.with_exec(["sh", "-c", "cd /c; stat -c '%n %a %u:%g' . a sub sub/b; cat sub/b"]).stdout()
        == ". 755 1000:2000\na 644 1000:2000\nsub 755 1000:2000\nsub/b 644 1000:2000\nB"
    )


async def test_a_volume_begins_once(python: dagger.Container, unique: str) -> None:
    """A volume takes its beginning once, and what is changed stays changed."""
    made = python.with_mounted_cache("/c", dag.cache_volume(unique), source=files()).with_exec(
        ["sh", "-c", "echo changed > /c/a; rm /c/sub/b"]
    )
    assert await made.with_exec(["sh", "-c", "cat /c/a; ls /c/sub"]).stdout() == "changed\n"


async def test_another_source_is_another_volume(python: dagger.Container, unique: str) -> None:
    """A volume of one name with another source is another volume."""
    v = dag.cache_volume(unique)
    a = (
        await python.with_mounted_cache("/c", v, source=files())
        .with_exec(["sh", "-c", "echo mark > /c/mark; ls /c"])
        .stdout()
    )
    b = (
        await python.with_mounted_cache("/c", v, source=dag.directory().with_new_file("z", ""))
        .with_exec(["ls", "/c"])
        .stdout()
    )
    c = await python.with_mounted_cache("/c", v).with_exec(["ls", "/c"]).stdout()
    d = await python.with_mounted_cache("/c", v, source=files()).with_exec(["ls", "/c"]).stdout()
    assert a == "a\nmark\nsub\n"
    assert b == "z\n"
    assert c == ""
    assert d == "a\nmark\nsub\n"


async def test_another_owner_is_another_volume(python: dagger.Container, unique: str) -> None:
    """A volume of one name with another owner is another volume."""
    v = dag.cache_volume(unique)
    a = await python.with_mounted_cache("/c", v).with_exec(["sh", "-c", "echo mark > /c/mark; ls /c"]).stdout()
    b = (
        await python.with_mounted_cache("/c", v, owner="1000")
        .with_exec(["sh", "-c", "ls /c; stat -c %u:%g /c"])
        .stdout()
    )
    assert a == "mark\n"
    assert b == "1000:1000\n"


async def test_another_sharing_is_another_volume(fresh: dagger.Container, unique: str) -> None:
    """A volume of one name that is shared otherwise is another volume."""
    v = dag.cache_volume(unique)
    a = await fresh.with_mounted_cache("/c", v).with_exec(["sh", "-c", "echo mark > /c/mark; ls /c"]).stdout()
    b = (
        await fresh.with_mounted_cache("/c", v, sharing=dagger.CacheSharingMode.LOCKED)
        .with_exec(["sh", "-c", "ls /c"])
        .stdout()
    )
    assert a == "mark\n"
    assert b == ""


async def test_a_volume_with_source_and_owner_of_its_own(python: dagger.Container, unique: str) -> None:
    """Source and owner can belong to the volume itself."""
    v = dag.cache_volume(unique, source=files(), owner="1000:1000")
    assert (
        await python.with_mounted_cache("/c", v).with_exec(["sh", "-c", "cd /c; stat -c '%n %a %u:%g' . a"]).stdout()
        == ". 755 1000:1000\na 644 1000:1000\n"
    )


async def test_a_private_volume_keeps(python: dagger.Container, unique: str) -> None:
    """What is written to a private volume is there for the next command."""
    v = dag.cache_volume(unique, sharing=CacheSharingMode.PRIVATE)
    made = python.with_env_variable("U", unique).with_mounted_cache("/c", v)
    a = await made.with_exec(["sh", "-c", "echo a >> /c/f; cat /c/f"]).stdout()
    b = await made.with_exec(["sh", "-c", "echo b >> /c/f; cat /c/f"]).stdout()
    assert a == "a\n"
    assert b == "a\nb\n"


async def test_a_locked_volume_keeps(python: dagger.Container, unique: str) -> None:
    """What is written to a locked volume is there for the next command."""
    v = dag.cache_volume(unique)
    made = python.with_env_variable("U", unique).with_mounted_cache("/c", v, sharing=CacheSharingMode.LOCKED)
    a = await made.with_exec(["sh", "-c", "echo a >> /c/f; cat /c/f"]).stdout()
    b = await made.with_exec(["sh", "-c", "echo b >> /c/f; cat /c/f"]).stdout()
    assert a == "a\n"
    assert b == "a\nb\n"


async def test_volumes_are_for_executions_only(python: dagger.Container, unique: str, failure: Failure) -> None:
    """Nothing of a volume is read or written but by executions."""
    made = python.with_mounted_cache("/c", dag.cache_volume(unique))
    assert (
        await failure(made.directory("/c").entries()),
        await failure(made.file("/c/x").contents()),
        await failure(made.with_new_file("/c/x", "x").sync()),
        await failure(made.exists("/c/x")),
        await failure(made.exists("/c")),
    ) == (
        "/c: cannot retrieve path from cache",
        "/c/x: cannot retrieve path from cache",
        "failed to locate path /c/x: /c/x: cannot retrieve path from cache",
        "failed to locate path /c/x: /c/x: cannot retrieve path from cache",
        "failed to locate path /c: /c: cannot retrieve path from cache",
    )


async def test_volumes_are_not_copied_into(python: dagger.Container, unique: str, failure: Failure) -> None:
    """Nothing is copied into a volume or removed from it but by executions."""
    made = python.with_mounted_cache("/c", dag.cache_volume(unique))
    assert (
        await failure(made.with_directory("/c/x", files()).sync()),
        await failure(made.with_directory("/c", files()).sync()),
        await failure(made.without_file("/c/x").sync()),
    ) == (
        "failed to locate path /c/x: /c/x: cannot retrieve path from cache",
        "failed to locate path /c: /c: cannot retrieve path from cache",
        'failed to remove path "/c/x": failed to locate path /c/x: /c/x: cannot retrieve path from cache',
    )


async def test_a_volume_in_a_mounted_directory(python: dagger.Container, unique: str) -> None:
    """A volume in a mounted directory keeps its files out of it."""
    made = (
        python.with_mounted_directory("/m", files())
        .with_mounted_cache("/m/sub", dag.cache_volume(unique))
        .with_exec(["sh", "-c", "ls /m /m/sub; echo x > /m/sub/x; echo y > /m/y"])
    )
    assert await made.stdout() == "/m:\na\nsub\n\n/m/sub:\n"
    assert await made.directory("/m").glob("**") == ["a", "sub/", "sub/b", "y"]


async def test_a_volume_of_a_service(fresh: dagger.Container, unique: str) -> None:
    """What a service writes to a volume others find there."""
    c = dag.cache_volume(unique)
    s = (
        fresh.with_mounted_cache("/c", c)
        .with_exposed_port(8000)
        .as_service(args=["sh", "-c", "echo from-svc > /c/index.html; cd /c; exec python3 -m http.server 8000"])
    )
    await fetch(fresh.with_service_binding("w", s), "http://w:8000")
    assert await fresh.with_mounted_cache("/c", c).with_exec(["cat", "/c/index.html"]).stdout() == "from-svc\n"
