"""Host: directories and files taken from this machine and written to it."""

from __future__ import annotations

import os
from pathlib import Path

import dagger
import pytest
from dagger import dag


def listed(root: Path) -> list[str]:
    """Everything below a directory of this machine, directories with a slash."""
    return sorted(f"{path.relative_to(root)}{'/' if path.is_dir() else ''}" for path in root.rglob("*"))


async def test_a_directory_is_written(tmp_path: Path) -> None:
    """An exported directory has its files, directories and links."""
    made = dag.directory().with_new_file("a/f", "x").with_new_directory("empty").with_symlink("a/f", "link")
    assert await made.export(str(tmp_path / "out")) == str(tmp_path / "out")
    assert listed(tmp_path / "out") == ["a/", "a/f", "empty/", "link"]
    assert (tmp_path / "out/link").readlink() == Path("a/f")
    assert (tmp_path / "out/a/f").read_text() == "x"


async def test_an_export_merges(tmp_path: Path) -> None:
    """What is there already stays, unless the export has it too."""
    (tmp_path / "old").write_text("old")
    (tmp_path / "both").write_text("old")
    await dag.directory().with_new_file("both", "new").with_new_file("new", "new").export(str(tmp_path))
    assert {name: (tmp_path / name).read_text() for name in listed(tmp_path)} == {
        "old": "old",
        "both": "new",
        "new": "new",
    }


async def test_an_export_that_wipes(tmp_path: Path) -> None:
    """With `wipe` what the export does not have is removed."""
    (tmp_path / "old").mkdir()
    (tmp_path / "old/f").write_text("old")
    (tmp_path / "both").write_text("old")
    await dag.directory().with_new_file("both", "new").export(str(tmp_path), wipe=True)
    assert listed(tmp_path) == ["both"]


async def test_permissions_are_exported(tmp_path: Path) -> None:
    """Exported files have their modes."""
    made = (
        dag.directory().with_new_file("tool", "x", permissions=0o755).with_new_file("private", "x", permissions=0o600)
    )
    await made.export(str(tmp_path))
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("tool", "private")] == [0o755, 0o600]


async def test_owners_are_not_exported(tmp_path: Path, python: dagger.Container) -> None:
    """Exported files belong to whoever exports them."""
    made = python.with_exec(["sh", "-c", "mkdir /o; touch /o/f; chown -R 1234 /o"]).directory("/o")
    await made.export(str(tmp_path))
    assert (tmp_path / "f").stat().st_uid == os.getuid()


async def test_a_file_is_written(tmp_path: Path) -> None:
    """An exported file is written to its path, whose parents are made."""
    file = dag.directory().with_new_file("f", "x").file("f")
    target = tmp_path / "deep/er/g"
    assert await file.export(str(target)) == str(target)
    assert target.read_text() == "x"


async def test_a_file_into_a_directory(tmp_path: Path) -> None:
    """A file goes into a directory where that is allowed."""
    file = dag.directory().with_new_file("f", "x").file("f")
    await file.export(str(tmp_path), allow_parent_dir_path=True)
    assert (tmp_path / "f").read_text() == "x"


async def test_a_file_over_a_directory_is_an_error(tmp_path: Path) -> None:
    """A file does not take the place of a directory unless it may go into it."""
    file = dag.directory().with_new_file("f", "x").file("f")
    with pytest.raises(dagger.QueryError):
        await file.export(str(tmp_path))
    assert listed(tmp_path) == []


async def test_a_file_is_replaced(tmp_path: Path) -> None:
    """An exported file takes the place of one that is there."""
    (tmp_path / "f").write_text("old and longer")
    await dag.directory().with_new_file("f", "new").file("f").export(str(tmp_path / "f"))
    assert (tmp_path / "f").read_text() == "new"


async def test_a_file_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    """A file is exported with its mode where none is, and into one that is there, also through a link."""
    (tmp_path / "old").write_text("old")
    (tmp_path / "old").chmod(0o600)
    (tmp_path / "link").symlink_to("old")
    tool = dag.file("tool", "new", permissions=0o755)
    for name in ("new", "link"):
        await tool.export(str(tmp_path / name))
    assert (tmp_path / "link").readlink() == Path("old")
    assert (tmp_path / "old").read_text() == "new"
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("new", "old")] == [0o755, 0o600]


async def test_an_export_takes_the_place_of_other_things(tmp_path: Path) -> None:
    """In a directory that is exported, files, directories and links take each other's place."""
    (tmp_path / "file").write_text("old")
    (tmp_path / "directory").mkdir()
    (tmp_path / "link").symlink_to("directory")
    made = dag.directory().with_new_file("file/x", "").with_new_file("link/x", "").with_new_file("directory", "new")
    assert await made.export(f"{tmp_path}/there/../") == str(tmp_path)
    assert listed(tmp_path) == ["directory", "file/", "file/x", "link/", "link/x"]


async def test_special_files_of_the_host(tmp_path: Path) -> None:
    """Links of the machine stay links, wherever they lead; pipes are left out."""
    (tmp_path / "out").symlink_to("/etc/passwd")
    (tmp_path / "nowhere").symlink_to("nothing")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "tool").write_text("x")
    (tmp_path / "tool").chmod(0o4750)
    taken = dag.host().directory(str(tmp_path))
    assert await taken.entries() == ["nowhere", "out", "tool"]
    assert await taken.stat("tool").permissions() == 0o750


async def test_a_host_directory(tmp_path: Path) -> None:
    """A directory of the machine has its files, links and empty directories."""
    (tmp_path / "sub/empty").mkdir(parents=True)
    (tmp_path / "sub/f").write_text("x")
    (tmp_path / "link").symlink_to("sub/f")
    taken = dag.host().directory(str(tmp_path))
    assert sorted(await taken.glob("**")) == ["link", "sub/", "sub/empty/", "sub/f"]
    assert await taken.file("link").contents() == "x"


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        pytest.param(["*.py"], [], ["a.py"], id="include"),
        pytest.param(["**/*.py"], [], ["a.py", "sub/", "sub/c.py"], id="include deep"),
        pytest.param([], ["sub", "void"], ["a.py", "b.md"], id="exclude"),
        pytest.param([], ["**", "!a.py"], ["a.py"], id="all but one"),
        pytest.param(["sub"], ["**/*.md"], ["sub/", "sub/c.py"], id="both"),
    ],
)
async def test_patterns_of_a_host_directory(
    tmp_path: Path, include: list[str], exclude: list[str], expected: list[str]
) -> None:
    """Patterns choose what is taken from the machine."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "void").mkdir()
    for name in ("a.py", "b.md", "sub/c.py", "sub/d.md"):
        (tmp_path / name).write_text("x")
    taken = dag.host().directory(str(tmp_path), include=include, exclude=exclude)
    assert sorted(await taken.glob("**")) == expected


async def test_host_files_belong_to_root(tmp_path: Path, python: dagger.Container) -> None:
    """Whatever its owner on the machine, a file arrives as root's, with its mode."""
    (tmp_path / "f").write_text("x")
    (tmp_path / "f").chmod(0o640)
    if os.getuid() == 0:
        os.chown(tmp_path / "f", 1234, 1234)
    made = python.with_directory("/d", dag.host().directory(str(tmp_path)))
    assert (await made.with_exec(["stat", "-c", "%u:%g %a", "/d/f"]).stdout()).strip() == "0:0 640"


async def test_a_host_file(tmp_path: Path) -> None:
    """A file of the machine has its name and contents."""
    (tmp_path / "f.txt").write_text("x")
    file = dag.host().file(str(tmp_path / "f.txt"))
    assert (await file.name(), await file.contents()) == ("f.txt", "x")


async def test_missing_host_paths(tmp_path: Path) -> None:
    """A path that the machine does not have fails and is named."""
    with pytest.raises(dagger.QueryError, match="nowhere"):
        await dag.host().directory(str(tmp_path / "nowhere")).entries()
    with pytest.raises(dagger.QueryError, match="nowhere"):
        await dag.host().file(str(tmp_path / "nowhere")).contents()


async def test_a_way_there_and_back(tmp_path: Path, python: dagger.Container) -> None:
    """Files taken from the machine, changed by a command and written back are what the command made of them."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in/f").write_text("hello")
    made = python.with_directory("/d", dag.host().directory(str(tmp_path / "in"))).with_workdir("/d")
    await made.with_exec(["sh", "-c", "tr a-z A-Z < f > g; rm f"]).directory(".").export(str(tmp_path / "out"))
    assert {path.name: path.read_text() for path in (tmp_path / "out").iterdir()} == {"g": "HELLO"}


async def test_a_large_file_is_exported(tmp_path: Path, python: dagger.Container) -> None:
    """A file of 20 MiB is exported whole."""
    made = python.with_exec(["sh", "-c", "head -c 20971520 /dev/urandom > /f; sha256sum < /f > /sum"])
    await made.file("/f").export(str(tmp_path / "f"))
    import hashlib

    digest = hashlib.sha256((tmp_path / "f").read_bytes()).hexdigest()
    assert (await made.file("/sum").contents()).split()[0] == digest


async def test_a_name_of_all_the_length_that_there_is(tmp_path: Path) -> None:
    """A file whose name has 255 bytes is exported like others."""
    name = "✓" * 85
    await dag.directory().with_new_file(name, "x").export(str(tmp_path))
    assert (tmp_path / name).read_text() == "x"
