"""Copying: directories and files into others, with patterns, owners and permissions."""

from __future__ import annotations

import dagger
import pytest
from dagger import dag


def source() -> dagger.Directory:
    """What is copied."""
    return (
        dag.directory()
        .with_new_file("a.py", "a")
        .with_new_file("b.txt", "b")
        .with_new_file("sub/c.py", "c")
        .with_new_file("sub/d.txt", "d")
        .with_new_file("sub/deep/e.py", "e")
        .with_new_file("node_modules/x/y.js", "y")
        .with_new_directory("void")
    )


async def paths(directory: dagger.Directory) -> list[str]:
    """Everything in a directory."""
    return sorted(await directory.glob("**"))


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        pytest.param(["*.py"], [], ["a.py"], id="include at the top"),
        pytest.param(["**/*.py"], [], ["a.py", "sub/", "sub/c.py", "sub/deep/", "sub/deep/e.py"], id="include deep"),
        pytest.param(["sub"], [], ["sub/", "sub/c.py", "sub/d.txt", "sub/deep/", "sub/deep/e.py"], id="a directory"),
        pytest.param(["sub/"], [], ["sub/", "sub/c.py", "sub/d.txt", "sub/deep/", "sub/deep/e.py"], id="with slash"),
        pytest.param(["sub/*"], [], ["sub/", "sub/c.py", "sub/d.txt", "sub/deep/", "sub/deep/e.py"], id="its entries"),
        pytest.param(["sub/*.py"], [], ["sub/", "sub/c.py"], id="files in a directory"),
        pytest.param(["sub/deep/e.py"], [], ["sub/", "sub/deep/", "sub/deep/e.py"], id="one file keeps its parents"),
        pytest.param(["nothing"], [], [], id="nothing"),
        pytest.param(["void"], [], ["void/"], id="an empty directory"),
        pytest.param([], ["node_modules", "void", "sub"], ["a.py", "b.txt"], id="exclude directories"),
        pytest.param(
            [],
            ["**/*.txt", "node_modules", "void"],
            ["a.py", "sub/", "sub/c.py", "sub/deep/", "sub/deep/e.py"],
            id="exclude deep",
        ),
        pytest.param([], ["*", "!b.txt"], ["b.txt"], id="all but one"),
        pytest.param([], ["**", "!sub/c.py"], ["sub/", "sub/c.py"], id="all but one deep"),
        pytest.param(["**/*.py"], ["sub"], ["a.py"], id="include and exclude"),
        pytest.param(["**/*.py", "!sub/**"], [], ["a.py"], id="negated include"),
        pytest.param(["sub"], ["**/deep"], ["sub/", "sub/c.py", "sub/d.txt"], id="exclude in an include"),
        pytest.param([], ["sub/*", "node_modules"], ["a.py", "b.txt", "sub/", "void/"], id="exclude contents"),
        pytest.param(["./a.py", "/b.txt"], [], ["a.py"], id="dot and not slash"),
    ],
)
async def test_patterns(include: list[str], exclude: list[str], expected: list[str]) -> None:
    """Patterns choose what is copied, as a .dockerignore does; parents of what matches come along."""
    assert await paths(dag.directory().with_directory("/", source(), include=include, exclude=exclude)) == expected


@pytest.mark.parametrize(
    ("include", "exclude"),
    [
        pytest.param(["**/*.py"], [], id="include"),
        pytest.param([], ["node_modules", "**/*.txt"], id="exclude"),
        pytest.param(["sub"], ["**/deep"], id="both"),
    ],
)
async def test_a_filter_is_a_copy(include: list[str], exclude: list[str]) -> None:
    """Filtering gives what copying with the same patterns gives."""
    copied = dag.directory().with_directory("/", source(), include=include, exclude=exclude)
    assert await paths(source().filter(include=include, exclude=exclude)) == await paths(copied)


async def test_copies_merge() -> None:
    """A directory copied onto another one leaves what only that has and replaces what both have."""
    base = dag.directory().with_new_file("sub/old", "old").with_new_file("sub/c.py", "old")
    made = base.with_directory("/", source(), include=["sub"])
    assert await made.entries(path="sub") == ["c.py", "d.txt", "deep/", "old"]
    assert await made.file("sub/c.py").contents() == "c"


async def test_a_copy_into_a_new_place() -> None:
    """Missing parents of the place are made."""
    assert await paths(dag.directory().with_directory("x/y", source(), include=["a.py"])) == ["x/", "x/y/", "x/y/a.py"]


async def test_an_empty_copy_makes_the_place() -> None:
    """A directory of which nothing is chosen is still there, empty."""
    assert await paths(dag.directory().with_directory("x", source(), include=["nothing"])) == ["x/"]


async def test_a_part_is_copied_without_its_path() -> None:
    """A part of a directory is copied by its own paths."""
    assert await paths(dag.directory().with_directory("to", source().directory("sub"), include=["*.py"])) == [
        "to/",
        "to/c.py",
    ]


async def test_a_file_into_a_directory_that_is_there() -> None:
    """A file copied to the path of a directory goes into it."""
    made = dag.directory().with_new_directory("d").with_file("d", source().file("a.py"))
    assert await paths(made) == ["d/", "d/a.py"]


async def test_a_file_to_a_path_with_a_slash() -> None:
    """A file copied to a path that ends with a slash goes into that directory."""
    assert await paths(dag.directory().with_file("new/", source().file("sub/c.py"))) == ["new/", "new/c.py"]


async def test_a_file_by_another_name() -> None:
    """A file copied to a free path has that name."""
    assert await paths(dag.directory().with_file("x/other.py", source().file("a.py"))) == ["x/", "x/other.py"]


async def test_several_files() -> None:
    """Several files go into a directory by their names."""
    files = [source().file("a.py"), source().file("sub/c.py")]
    assert await paths(dag.directory().with_files("to", files)) == ["to/", "to/a.py", "to/c.py"]


async def test_a_copy_with_an_owner(python: dagger.Container) -> None:
    """All that is copied belongs to the owner, and so does its place; parents that are made do not."""
    made = python.with_directory("/to/place", source(), include=["sub"], exclude=["**/deep"], owner="1000:1001")
    ran = made.with_exec(["sh", "-c", "find /to -printf '%p %U:%G\\n' | sort"])
    assert (await ran.stdout()).splitlines() == [
        "/to 0:0",
        "/to/place 1000:1001",
        "/to/place/sub 1000:1001",
        "/to/place/sub/c.py 1000:1001",
        "/to/place/sub/d.txt 1000:1001",
    ]


async def test_an_owner_by_name(python: dagger.Container) -> None:
    """Owners are looked up in the container; a user alone brings the group of the same number or account."""
    made = python.with_new_file("/f", "", owner="nobody:daemon").with_new_file("/g", "", owner="nobody")
    ran = made.with_exec(["stat", "-c", "%u:%g", "/f", "/g"])
    assert (await ran.stdout()).split() == ["65534:1", "65534:65534"]


async def test_an_owner_by_number(python: dagger.Container) -> None:
    """A number alone is user and group."""
    made = python.with_new_file("/f", "", owner="1234").with_directory("/d", dag.directory(), owner="1:2")
    assert (await made.with_exec(["stat", "-c", "%u:%g", "/f", "/d"]).stdout()).split() == ["1234:1234", "1:2"]


async def test_an_unknown_owner_is_an_error(python: dagger.Container) -> None:
    """An owner that the container does not know fails."""
    with pytest.raises(dagger.QueryError, match="nosuchuser"):
        await python.with_new_file("/f", "", owner="nosuchuser").sync()


async def test_a_copy_with_permissions(python: dagger.Container) -> None:
    """Permissions asked for are those of everything that is copied and of its place, not of the place's parents."""
    made = dag.directory().with_directory("to/place", source(), include=["sub/c.py"], permissions=0o700)
    ran = python.with_directory("/", made).with_exec(["sh", "-c", "find /to -printf '%p %m\n' | sort"])
    assert (await ran.stdout()).splitlines() == [
        "/to 755",
        "/to/place 700",
        "/to/place/sub 700",
        "/to/place/sub/c.py 700",
    ]


async def test_a_copy_into_a_container_keeps_permissions(python: dagger.Container) -> None:
    """A container's `with_directory` takes permissions and does nothing with them, as the engine has it today."""
    made = python.with_directory("/to", source(), include=["a.py"], permissions=0o700)
    assert (await made.with_exec(["stat", "-c", "%a", "/to", "/to/a.py"]).stdout()).split() == ["755", "644"]


async def test_owners_stay_on_the_way_through(python: dagger.Container) -> None:
    """Files that a command gave to somebody keep their owner when they are copied."""
    made = python.with_exec(["sh", "-c", "mkdir /o && touch /o/f && chown -R 7:8 /o && chmod 705 /o"])
    copied = python.with_directory("/copy", made.directory("/o"))
    assert (await copied.with_exec(["stat", "-c", "%u:%g %a", "/copy/f"]).stdout()).strip() == "7:8 644"


async def test_a_place_that_is_there_keeps_its_metadata(python: dagger.Container) -> None:
    """Copying into a directory that is there leaves its owner and mode."""
    made = python.with_exec(["sh", "-c", "mkdir /place && chown 5:6 /place && chmod 711 /place"])
    ran = made.with_new_file("/place/f", "").with_exec(["stat", "-c", "%u:%g %a", "/place"])
    assert (await ran.stdout()).strip() == "5:6 711"


async def test_chown_reaches_everything(python: dagger.Container) -> None:
    """Changing the owner of a directory changes all that is in it."""
    made = python.with_directory("/d", source().chown(".", "33:34"))
    ran = made.with_exec(["sh", "-c", "find /d -mindepth 1 -printf '%U:%G\\n' | sort -u"])
    assert await ran.stdout() == "33:34\n"


async def test_chown_of_a_directory(python: dagger.Container) -> None:
    """A directory's part can change its owner."""
    made = python.with_directory("/d", source().chown("sub", "33:34"))
    assert (await made.with_exec(["stat", "-c", "%u:%g", "/d/sub/c.py", "/d/a.py"]).stdout()).split() == [
        "33:34",
        "0:0",
    ]


@pytest.mark.parametrize("place", ["/", "sub"])
async def test_a_directory_replaces_a_file(place: str) -> None:
    """Where a file stands in the way of a copied directory, the directory takes its place."""
    made = dag.directory().with_new_file("sub", "a file").with_directory(place, source(), include=["sub"])
    assert "sub/c.py" in [path.replace("sub/sub", "sub") for path in await made.glob("**")]


async def test_a_copied_file_replaces_a_directory() -> None:
    """Where a directory stands in the way of a file in a copied tree, the file takes its place."""
    made = dag.directory().with_new_file("a.py/inside", "x").with_directory("/", source(), include=["a.py"])
    assert await paths(made) == ["a.py"]


async def test_a_new_file_over_a_directory_is_an_error() -> None:
    """A new file cannot take the place of a directory."""
    with pytest.raises(dagger.QueryError):
        await dag.directory().with_new_directory("d").with_new_file("d", "x").entries()


async def test_a_new_file_below_a_file_is_an_error() -> None:
    """A file has no entries: nothing can be written below it."""
    with pytest.raises(dagger.QueryError):
        await dag.directory().with_new_file("f", "x").with_new_file("f/g", "x").entries()


async def test_modification_times_are_kept(python: dagger.Container) -> None:
    """A copied file has its source's modification time."""
    made = python.with_exec(["touch", "-d", "@1234567890", "/f"])
    copied = python.with_file("/g", made.file("/f")).with_directory("/d", made.directory("/"), include=["f"])
    assert (await copied.with_exec(["stat", "-c", "%Y", "/g", "/d/f"]).stdout()).split() == ["1234567890"] * 2
