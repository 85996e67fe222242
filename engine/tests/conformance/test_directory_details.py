"""Directories: how paths and patterns are read, and what is refused."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import dagger
from dagger import ExistsType, FileType, dag

Failure = Callable[[Awaitable[object]], Awaitable[str]]


def tree() -> dagger.Directory:
    """Files and directories, one of them empty."""
    files = dag.directory().with_new_file("a.txt", "A").with_new_file("sub/b.txt", "B")
    return files.with_new_file("sub/deep/c.md", "C").with_new_directory("empty")


async def listing(python: dagger.Container, directory: dagger.Directory) -> str:
    """Everything in a directory with its kind, mode and owner, as a container sees it."""
    script = "cd /d; find . -exec stat -c '%n %F %a %u:%g' {} + | sort"
    return await python.with_directory("/d", directory).with_exec(["sh", "-c", script]).stdout()


async def test_removals_by_pattern() -> None:
    """Files and directories are removed by patterns."""
    assert (
        await tree().without_file("sub/*.txt").glob("**"),
        await tree().without_files(["*.txt", "sub/deep/*"]).glob("**"),
        await tree().without_directory("s*").entries(),
    ) == (
        ["a.txt", "empty/", "sub/", "sub/deep/", "sub/deep/c.md"],
        ["empty/", "sub/", "sub/b.txt", "sub/deep/"],
        ["a.txt", "empty/"],
    )


async def test_a_file_where_a_directory_leads(failure: Failure) -> None:
    """A directory that only leads to what is copied takes no file's place; one that is copied does."""
    src = tree()
    assert (
        await failure(
            dag.directory().with_new_file("sub", "a file").with_directory("/", src, include=["sub/b.txt"]).entries()
        ),
        await dag.directory().with_new_file("sub", "a file").with_directory("/", src, include=["sub"]).entries(),
    ) == ('cannot copy directory to non-directory "/sub"', ["sub/"])


async def test_links_and_patterns() -> None:
    """Patterns name links and do not follow them."""
    d = tree().with_symlink("sub", "link")
    assert await d.glob("**") == ["a.txt", "empty/", "link", "sub/", "sub/b.txt", "sub/deep/", "sub/deep/c.md"]
    assert await d.glob("link/*") == []
    assert await d.entries() == ["a.txt", "empty/", "link", "sub/"]


async def test_names_of_a_containers_files(python: dagger.Container) -> None:
    """Directories of a container tell their names with a slash, files without."""
    assert await python.rootfs().name() == "/"
    assert await python.directory("/usr/lib").name() == "lib/"
    assert await python.file("/etc/passwd").name() == "passwd"


async def test_searches_upwards() -> None:
    """The nearest of a name on the way up is found, and nothing below."""
    d = tree()
    assert (
        await d.find_up("a.txt", "sub/deep"),
        await d.find_up("sub", "sub/deep"),
        await d.find_up("nope", "sub"),
        await d.find_up("c.md", "."),
        await d.find_up("a.txt", "/"),
        await d.find_up("deep", "sub/deep"),
    ) == ("a.txt", "sub", None, None, "/a.txt", "sub/deep")


async def test_existence_of_a_kind() -> None:
    """What exists can be asked by its kind, with links followed or not."""
    d = tree().with_symlink("a.txt", "l").with_symlink("none", "dangling")
    assert [
        await d.exists(p, expected_type=t, do_not_follow_symlinks=n)
        for p in ("a.txt", "sub", "l", "dangling", "nope")
        for t in (None, ExistsType.REGULAR_TYPE, ExistsType.DIRECTORY_TYPE, ExistsType.SYMLINK_TYPE)
        for n in (False, True)
    ] == [
        True,
        True,
        True,
        True,
        False,
        False,
        False,
        False,
        True,
        True,
        False,
        False,
        True,
        True,
        False,
        False,
        True,
        True,
        True,
        False,
        False,
        False,
        True,
        True,
        False,
        True,
        False,
        False,
        False,
        False,
        True,
        True,
        False,
        False,
        False,
        False,
        False,
        False,
        False,
        False,
    ]


async def test_nothing_to_tell(failure: Failure) -> None:
    """There is nothing to tell of a path without anything."""
    assert await failure(tree().stat("nope").size()) == "stat nope: no such file or directory"
    assert await failure(tree().stat("").size()) == "stat : no such file or directory"


async def test_facts_of_a_file(python: dagger.Container) -> None:
    """A file tells its name, size, permissions and kind."""
    f = dag.directory().with_new_file("sub/f", "xyz", permissions=0o640).file("sub/f")
    s = f.stat()
    assert await s.name() == "f"
    assert await s.size() == 3
    assert oct(await s.permissions()) == "0o640"
    assert await s.file_type() == FileType.REGULAR


async def test_modes_of_new_things(python: dagger.Container) -> None:
    """New files and directories have the permissions that were asked for, special bits excepted."""
    assert (
        await listing(
            python,
            dag.directory()
            .with_new_file("f", "x")
            .with_new_file("g", "x", permissions=0o4755)
            .with_new_directory("d")
            .with_new_directory("e", permissions=0o1777)
            .with_new_file("p/q/f", "x"),
        )
        == ". directory 755 0:0\n./d directory 644 0:0\n./e directory 777 0:0\n./f regular file 644 0:0\n./g regular file 755 0:0\n./p directory 755 0:0\n./p/q directory 755 0:0\n./p/q/f regular file 644 0:0\n"
    )


async def test_permissions_of_a_copy(python: dagger.Container) -> None:
    """A directory is copied with permissions for all that it holds."""
    assert (
        await listing(
            python,
            dag.directory().with_directory(
                "x",
                dag.directory().with_new_directory("i", permissions=0o700).with_new_file("i/f", "x", permissions=0o600),
                permissions=0o711,
            ),
        )
        == ". directory 755 0:0\n./x directory 711 0:0\n./x/i directory 711 0:0\n./x/i/f regular file 711 0:0\n"
    )


async def test_owner_and_permissions_of_a_copied_file(python: dagger.Container) -> None:
    """A file is copied with another owner and permissions."""
    f = tree().file("a.txt")
    assert (
        await listing(python, dag.directory().with_file("x/y", f, owner="1000:2000", permissions=0o751))
        == ". directory 755 0:0\n./x directory 755 0:0\n./x/y regular file 751 1000:2000\n"
    )


async def test_owners_by_name_in_a_container(python: dagger.Container) -> None:
    """In a container owners can be named."""
    assert (
        await python.with_directory("/d", tree(), owner="nobody:daemon")
        .with_exec(["stat", "-c", "%U:%G", "/d/a.txt", "/d"])
        .stdout()
        == "nobody:daemon\nnobody:daemon\n"
    )


async def test_differences() -> None:
    """A difference has what is new or changed, and nothing of what is gone."""
    a = tree()
    b = a.with_new_file("new", "n").without_file("a.txt").with_new_file("sub/b.txt", "changed")
    d = a.diff(b)
    assert (
        await d.glob("**"),
        await a.diff(a).entries(),
        await dag.directory().diff(a).glob("**"),
        await a.diff(dag.directory()).glob("**"),
    ) == (["new", "sub/", "sub/b.txt"], [], ["a.txt", "empty/", "sub/", "sub/b.txt", "sub/deep/", "sub/deep/c.md"], [])


async def test_differences_of_parts() -> None:
    """Parts of directories can be compared."""
    a = tree()
    assert await a.directory("sub").diff(a.directory("sub").with_new_file("z", "")).glob("**") == ["z"]
    assert await a.directory("sub").diff(a.directory("sub/deep")).glob("**") == ["c.md"]
    assert await a.directory("empty").diff(a.directory("sub")).glob("**") == ["b.txt", "deep/", "deep/c.md"]


async def test_other_modes_and_owners_are_differences(fresh: dagger.Container) -> None:
    """A file whose mode or owner changed is part of a difference."""
    d = fresh.with_directory("/d", dag.directory().with_new_file("a", "A").with_new_file("b", "B"))
    e = d.with_exec(["sh", "-c", "chmod 600 /d/a; chown 5 /d/b"])
    assert await d.directory("/d").diff(e.directory("/d")).glob("**") == ["a", "b"]


async def test_changes() -> None:
    """A changeset names what was added, changed and removed."""
    a = tree()
    b = (
        a.with_new_file("new", "n")
        .with_new_file("nd/x", "")
        .without_file("a.txt")
        .without_directory("sub/deep")
        .with_new_file("sub/b.txt", "changed")
    )
    c = b.changes(a)
    assert (
        await c.added_paths(),
        await c.modified_paths(),
        await c.removed_paths(),
        await c.is_empty(),
        await c.layer().glob("**"),
    ) == (
        ["nd/", "nd/x", "new"],
        ["sub/b.txt"],
        ["a.txt", "sub/deep/"],
        False,
        ["nd/", "nd/x", "new", "sub/", "sub/b.txt"],
    )


async def test_changes_as_a_patch() -> None:
    """A changeset can be had as a patch."""
    a = tree()
    b = a.with_new_file("new", "n\n").without_file("a.txt").with_new_file("sub/b.txt", "changed")
    patch = (await b.changes(a).as_patch().contents()).splitlines()
    # How headers are abbreviated is git's own, and not the same in all its versions.
    assert [line for line in patch if not line.startswith(("diff ", "index "))] == [
        "deleted file mode 100644",
        "--- a/a.txt",
        "+++ /dev/null",
        "@@ -1 +0,0 @@",
        "-A",
        "\\ No newline at end of file",
        "new file mode 100644",
        "--- /dev/null",
        "+++ b/new",
        "@@ -0,0 +1 @@",
        "+n",
        "--- a/sub/b.txt",
        "+++ b/sub/b.txt",
        "@@ -1 +1 @@",
        "-B",
        "\\ No newline at end of file",
        "+changed",
        "\\ No newline at end of file",
    ]


async def test_changes_are_applied() -> None:
    """A changeset changes another directory."""
    a = tree()
    b = a.with_new_file("new", "n").without_directory("sub")
    assert await dag.directory().with_new_file("sub/q", "").with_changes(b.changes(a)).glob("**") == ["new"]


async def test_selections() -> None:
    """Include and exclude patterns select as those of ignore files do."""
    d = tree()
    assert [
        await d.filter(include=i, exclude=e).glob("**")
        for i, e in (
            (["*.txt"], []),
            (["**/*.txt"], []),
            (["sub"], []),
            (["sub/"], []),
            (["sub/**"], ["sub/deep"]),
            ([], ["**/*.md"]),
            ([], ["sub"]),
            (["**"], ["*"]),
            ([], ["*", "!a.txt"]),
            ([], ["sub/*", "!sub/deep"]),
            (["/a.txt"], []),
            (["./a.txt"], []),
            (["nope"], []),
        )
    ] == [
        ["a.txt"],
        ["a.txt", "sub/", "sub/b.txt"],
        ["sub/", "sub/b.txt", "sub/deep/", "sub/deep/c.md"],
        ["sub/", "sub/b.txt", "sub/deep/", "sub/deep/c.md"],
        ["sub/", "sub/b.txt"],
        ["a.txt", "empty/", "sub/", "sub/b.txt", "sub/deep/"],
        ["a.txt", "empty/"],
        [],
        ["a.txt"],
        ["a.txt", "empty/", "sub/", "sub/deep/", "sub/deep/c.md"],
        [],
        ["a.txt"],
        [],
    ]


async def test_a_selection_by_ignore_files() -> None:
    """A selection can leave out what git ignores."""
    d = tree().with_new_file(".gitignore", "*.txt\n!sub/b.txt\ndeep/\n")
    assert await d.filter(gitignore=True).glob("**") == [".gitignore", "empty/", "sub/", "sub/b.txt"]


async def test_times_of_everything(python: dagger.Container) -> None:
    """Times are set for a directory and all in it, or for one file."""
    assert (
        await python.with_directory("/d", tree().with_timestamps(1000000000))
        .with_exec(["sh", "-c", "cd /d; stat -c '%n %Y' a.txt sub sub/b.txt"])
        .stdout(),
        await python.with_file("/f", tree().file("a.txt").with_timestamps(985550000))
        .with_exec(["stat", "-c", "%Y", "/f"])
        .stdout(),
    ) == ("a.txt 1000000000\nsub 1000000000\nsub/b.txt 1000000000\n", "985550000\n")


async def test_links_in_a_container(python: dagger.Container) -> None:
    """Links are made at relative and absolute paths, with their directories."""
    c = python.with_workdir("/w").with_new_file("t", "T").with_symlink("t", "l").with_symlink("/w/t", "/x/abs")
    assert await c.with_exec(["sh", "-c", "readlink /w/l; readlink /x/abs; cat /x/abs"]).stdout() == "t\n/w/t\nT"
    assert await c.file("l").contents() == "T"
    assert await c.file("/x/abs").contents() == "T"


async def test_several_files_with_permissions(python: dagger.Container) -> None:
    """Several files are copied, with permissions."""
    d = tree()
    fs = [d.file("a.txt"), d.file("sub/b.txt")]
    assert (
        await dag.directory().with_files("x", fs).glob("**"),
        await dag.directory().with_files("x/", fs, permissions=0o600).glob("**"),
        await listing(python, dag.directory().with_files("/", fs, permissions=0o600)),
    ) == (
        ["x/", "x/a.txt", "x/b.txt"],
        ["x/", "x/a.txt", "x/b.txt"],
        ". directory 755 0:0\n./a.txt regular file 600 0:0\n./b.txt regular file 600 0:0\n",
    )


async def test_targets_of_a_copied_file() -> None:
    """A file is copied to a path, or into a directory if that is there or has a slash."""
    f = tree().file("a.txt")
    assert (
        await dag.directory().with_file("x/", f).glob("**"),
        await dag.directory().with_file("", f).glob("**"),
        await dag.directory().with_file("/", f).glob("**"),
        await dag.directory().with_file(".", f).glob("**"),
        await tree().with_file("sub", f).glob("**"),
    ) == (
        ["x/", "x/a.txt"],
        ["a.txt"],
        ["a.txt"],
        ["a.txt"],
        ["a.txt", "empty/", "sub/", "sub/a.txt", "sub/b.txt", "sub/deep/", "sub/deep/c.md"],
    )


async def test_a_part_stays_a_part() -> None:
    """A part of a directory that is written to leads back to the whole."""
    d = tree().directory("sub").with_new_file("n", "N")
    assert await d.glob("**") == ["b.txt", "deep/", "deep/c.md", "n"]
    assert await d.directory("..").entries() == ["a.txt", "empty/", "sub/"]


async def test_an_error_of_ones_own(failure: Failure) -> None:
    """A directory can be made to fail; an empty text fails nothing."""
    assert await failure(tree().with_error("oh no").entries()) == "oh no"
    assert await tree().with_error("").entries() == ["a.txt", "empty/", "sub/"]


async def test_some_lines() -> None:
    """Some lines of a file can be had."""
    f = dag.file("f", "1\n2\n3\n4\n")
    assert [
        await f.contents(offset_lines=offset, limit_lines=limit)
        for offset, limit in ((0, 1), (1, 2), (None, 2), (3, None), (9, None), (0, 0))
    ] == [
        "1\n",
        "2\n3\n",
        "1\n2\n",
        "4\n",
        "",
        "",
    ]


async def test_a_file_that_is_no_text(python: dagger.Container) -> None:
    """What is no text is read with replacements."""
    assert await python.with_exec(["sh", "-c", "printf '\\377\\376a' > /f"]).file("/f").contents() == "��a"


async def test_a_file_written_through_a_link() -> None:
    """A file that is written where a link is lands where that leads."""
    d = tree().with_symlink("a.txt", "l").with_new_file("l", "through")
    assert await d.file("a.txt").contents() == "through"
    assert await d.file("l").contents() == "through"


async def test_a_directory_onto_a_file() -> None:
    """A directory copied onto a file takes its place."""
    assert await dag.directory().with_new_file("x", "f").with_directory("x", tree()).entries() == ["x/"]


async def test_a_file_into_a_directory() -> None:
    """A file copied onto a directory goes into it."""
    assert await tree().with_file("sub", tree().file("a.txt")).glob("**") == [
        "a.txt",
        "empty/",
        "sub/",
        "sub/a.txt",
        "sub/b.txt",
        "sub/deep/",
        "sub/deep/c.md",
    ]


async def test_removing_without_regard_to_kind() -> None:
    """Files and directories are removed by either removal."""
    assert await tree().without_file("sub").entries() == ["a.txt", "empty/"]
    assert await tree().without_directory("a.txt").entries() == ["empty/", "sub/"]
