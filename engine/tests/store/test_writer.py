"""Writing a layer."""

from __future__ import annotations

import os
import stat
import struct
from pathlib import Path
from typing import Any

import pytest

from embedded_engine.store import (
    EMPTY,
    Kind,
    LayerWriter,
    Node,
    PathExistsError,
    PathIsDirectoryError,
    PathNotDirectoryError,
    Patterns,
    Store,
    StoreError,
    Tree,
    Union,
)
from embedded_engine.store.nodes import clone_layer

CAPABILITY = struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0)


def base_of(build: Any) -> Tree:
    def write(writer: LayerWriter) -> None:
        writer.write("/etc/passwd", b"root", mode=0o600, owner=(1, 2))
        writer.mkdir("/tmp", 0o1777)
        writer.mkdir("/usr/lib")
        writer.symlink("lib", "/usr/lib64")
        writer.write("/bin/tool", b"tool", mode=0o4755)

    tree: Tree = build(write)
    return tree


def owner_and_mode(node: Node) -> tuple[int, int, int]:
    return node.uid, node.gid, node.mode


def test_parents_are_made_with_the_mode_of_directories(store: Store, build: Any) -> None:
    """Writing a file makes its parents 0755 and 0:0, whatever the file's own mode and owner, and despite the umask."""
    before = os.umask(0o077)
    try:
        tree = build(lambda writer: writer.write("/a/b/f", b"x", mode=0o604, owner=(5, 6)))
    finally:
        os.umask(before)
    view = store.layers.union(tree)
    assert owner_and_mode(view.stat("/a")) == owner_and_mode(view.stat("/a/b")) == (0, 0, 0o755)
    assert owner_and_mode(view.stat("/a/b/f")) == (5, 6, 0o604)


def test_directories_on_the_way_stay_as_they_are(store: Store, build: Any) -> None:
    """A layer that only passes through a directory keeps that directory's mode and owner."""
    base = build(lambda writer: (writer.mkdir("/srv/www", 0o2750, (7, 8)), writer.write("/srv/www/old", b"")))
    tree = build(lambda writer: writer.write("/srv/www/new", b"x"), base)
    view = store.layers.union(tree)
    assert owner_and_mode(view.stat("/srv/www")) == (7, 8, 0o2750)
    assert sorted(view.list("/srv/www")) == ["new", "old"]
    assert view.stat("/srv/www/new").gid == 0, "the set-group-id bit of a directory must not choose the owner"


def test_making_a_directory_that_exists_changes_nothing(store: Store, build: Any) -> None:
    """mkdir leaves an existing directory alone, follows links, and refuses a file in its way."""
    base = base_of(build)
    view = store.layers.union(build(lambda writer: writer.mkdir("/tmp", 0o700, (9, 9)), base))
    assert owner_and_mode(view.stat("/tmp")) == (0, 0, 0o1777)
    view = store.layers.union(build(lambda writer: writer.mkdir("/usr/lib64/x", 0o711, (9, 9)), base))
    assert owner_and_mode(view.stat("/usr/lib/x")) == (9, 9, 0o711)
    with pytest.raises(PathNotDirectoryError, match=r"^mkdir /etc/passwd/x: not a directory$"):
        build(lambda writer: writer.mkdir("/etc/passwd/x"), base)


def test_writing_follows_links_and_can_keep_the_mode(store: Store, build: Any) -> None:
    """A file is written through a link; with `truncate` one that exists keeps mode and owner."""
    base = base_of(build)

    def change(writer: LayerWriter) -> None:
        writer.symlink("/etc/passwd", "/link")
        writer.write("/link", b"through", truncate=True)
        writer.symlink("made/by/link", "/dangling")
        writer.write("/dangling", iter([b"one ", b"two"]))

    view = store.layers.union(build(change, base))
    assert view.read("/etc/passwd") == b"through"
    assert owner_and_mode(view.stat("/etc/passwd")) == (1, 2, 0o600)
    assert view.read("/made/by/link") == b"one two"
    with pytest.raises(PathIsDirectoryError, match=r"^open /tmp: is a directory$"):
        build(lambda writer: writer.write("/tmp", b""), base)


def test_links_are_never_overwritten_silently(store: Store, build: Any) -> None:
    """A symbolic link is made only where nothing is."""
    with pytest.raises(PathExistsError, match=r"^symlink /tmp: file exists$"):
        build(lambda writer: writer.symlink("x", "/tmp"), base_of(build))


def test_removing_leaves_a_whiteout_only_where_something_was(store: Store, build: Any) -> None:
    """What the base never had is not hidden, and removing what is not there says so."""
    base = base_of(build)
    answers: list[bool] = []

    def change(writer: LayerWriter) -> None:
        writer.write("/new", b"")
        answers.extend(
            [writer.remove("/new"), writer.remove("/etc"), writer.remove("/etc"), writer.remove("/no/where")]
        )

    tree = build(change, base)
    top = store.layers.path(tree.layers[-1])
    assert answers == [True, True, False, False]
    assert [entry.name for entry in top.iterdir()] == ["etc"]
    assert stat.S_ISCHR((top / "etc").lstat().st_mode)
    assert (top / "etc").lstat().st_rdev == 0


def test_removing_a_link_keeps_its_target(store: Store, build: Any) -> None:
    """Only the link goes, the directory it leads to stays."""
    view = store.layers.union(build(lambda writer: writer.remove("/usr/lib64"), base_of(build)))
    assert list(view.list("/usr")) == ["lib"]


def test_copying_a_directory_merges_and_replaces(store: Store, build: Any) -> None:
    """A copied directory joins the one that is there; files win over directories and the other way round."""
    source = store.layers.union(
        build(lambda w: (w.write("/s/both/new", b"n"), w.write("/s/was-dir", b"f"), w.write("/s/was-file/x", b"x")))
    )
    base = build(lambda w: (w.write("/d/both/old", b"o"), w.write("/d/was-dir/y", b""), w.write("/d/was-file", b"")))
    view = store.layers.union(build(lambda writer: writer.copy_tree(source, "/s", "/d"), base))
    found = [path for path, _ in view.walk("/d")]
    assert found == ["both", "both/new", "both/old", "was-dir", "was-file", "was-file/x"]
    assert view.stat("/d/was-dir").kind is Kind.FILE


def test_a_copied_directory_brings_its_metadata(store: Store, build: Any) -> None:
    """The target takes mode and owner of the source directory as on Dagger, the root and the parents never do."""

    def write(writer: LayerWriter) -> None:
        writer.mkdir("/s", 0o700, (4, 4))
        writer.mkdir("/s/in", 0o711, (5, 5))
        writer.write("/s/in/f", b"", mode=0o640, owner=(6, 6))

    source = store.layers.union(build(write))
    base = build(lambda writer: (writer.mkdir("/p/d", 0o755), writer.mkdir("/p/d/in", 0o777)))
    view = store.layers.union(build(lambda writer: writer.copy_tree(source, "/s", "/p/d"), base))
    assert [owner_and_mode(view.stat(path)) for path in ("/p", "/p/d", "/p/d/in", "/p/d/in/f")] == [
        (0, 0, 0o755),
        (4, 4, 0o700),
        (5, 5, 0o711),
        (6, 6, 0o640),
    ]
    onto_root = store.layers.union(build(lambda writer: writer.copy_tree(source, "/s", "/"), base))
    assert owner_and_mode(onto_root.stat("/")) == (0, 0, 0o755)


def test_owner_and_permissions_apply_to_all_that_is_copied(store: Store, build: Any) -> None:
    """They replace those of directories, files and links, but of no parent that had to be made."""
    source = store.layers.union(build(lambda w: (w.write("/s/f", b"", mode=0o755), w.symlink("f", "/s/l"))))
    tree = build(lambda writer: writer.copy_tree(source, "/s", "/p/d", owner=(8, 9), permissions=0o500))
    view = store.layers.union(tree)
    assert owner_and_mode(view.stat("/p")) == (0, 0, 0o755)
    assert owner_and_mode(view.stat("/p/d")) == owner_and_mode(view.stat("/p/d/f")) == (8, 9, 0o500)
    link = view.stat("/p/d/l", follow=False)
    assert (link.uid, link.gid, link.target) == (8, 9, "f")


def test_patterns_take_parents_along(store: Store, build: Any) -> None:
    """Included files come with their directories, empty directories that match nothing stay away."""
    source = store.layers.union(
        build(
            lambda w: (w.write("/a/b/x.py", b""), w.write("/a/b/x.pyc", b""), w.mkdir("/a/empty"), w.write("/c/y", b""))
        )
    )
    copied = build(lambda w: w.copy_tree(source, "/", "/d", patterns=Patterns(include=("**/*.py",))))
    assert [path for path, _ in store.layers.union(copied).walk("/d")] == ["a", "a/b", "a/b/x.py"]
    copied = build(lambda w: w.copy_tree(source, "/", "/d", patterns=Patterns(exclude=("a", "!a/b/x.py"))))
    assert [path for path, _ in store.layers.union(copied).walk("/d")] == ["a", "a/b", "a/b/x.py", "c", "c/y"]


def test_files_are_shared_with_the_store_but_never_twice_in_one_tree(store: Store, build: Any) -> None:
    """A copy that stays equal is a hard link; a second copy into the same tree, or into a tree that has it, is none."""
    first = build(lambda writer: writer.write("/f", b"shared"))
    source = store.layers.union(first)
    inode = source.stat("/f").status.st_ino
    once = build(lambda writer: writer.copy_tree(source, "/", "/d"))
    assert store.layers.union(once).stat("/d/f").status.st_ino == inode
    twice = build(lambda writer: writer.copy_tree(source, "/", "/e"), once)
    assert store.layers.union(twice).stat("/e/f").status.st_ino != inode
    both = build(lambda writer: (writer.copy_tree(source, "/", "/d"), writer.copy_tree(source, "/", "/e")))
    view = store.layers.union(both)
    assert view.stat("/d/f").status.st_ino != view.stat("/e/f").status.st_ino
    other_mode = build(lambda writer: writer.put("/f", source.stat("/f"), mode=0o755))
    assert store.layers.union(other_mode).stat("/f").status.st_ino != inode
    assert source.stat("/f").mode == 0o644


def test_what_a_link_of_a_link_shares_is_known(store: Store, build: Any) -> None:
    """A file that came through two trees is still not put twice into one."""
    first = build(lambda writer: writer.write("/f", b"shared"))
    second = build(lambda writer: writer.copy_tree(store.layers.union(first), "/", "/"))
    base = build(lambda writer: writer.copy_tree(store.layers.union(first), "/", "/one"))
    tree = build(lambda writer: writer.copy_tree(store.layers.union(second), "/", "/two"), base)
    view = store.layers.union(tree)
    assert view.stat("/one/f").status.st_ino != view.stat("/two/f").status.st_ino


def test_changing_a_shared_file_leaves_the_other_alone(store: Store, build: Any) -> None:
    """Owner and times of a file are changed in the layer, never in the layer that it was shared with."""
    first = build(lambda writer: writer.write("/f", b"shared"))
    source = store.layers.union(first)
    before = source.stat("/f").status

    def change(writer: LayerWriter) -> None:
        writer.copy_tree(source, "/", "/d")
        writer.chown("/d", (3, 3))
        writer.utime_all(1_000_000_000, "/d")

    view = store.layers.union(build(change))
    after = source.stat("/f").status
    assert (view.stat("/d/f").uid, view.stat("/d/f").mtime_ns) == (3, 1_000_000_000)
    assert (after.st_uid, after.st_mtime_ns) == (before.st_uid, before.st_mtime_ns)


def test_times_can_be_set_for_everything(store: Store, build: Any) -> None:
    """Every file, link and directory of the view gets the time, also those that only the base had."""
    tree = build(lambda writer: writer.utime_all(5_000_000_000), base_of(build))
    view = store.layers.union(tree)
    assert {node.mtime_ns for _, node in view.walk()} | {view.stat("/").mtime_ns} == {5_000_000_000}


def test_owners_can_be_changed_below_a_path(store: Store, build: Any) -> None:
    """chown reaches what the base has, leaves what links lead to alone, and keeps contents."""
    base = build(lambda w: (w.write("/d/in/f", b"text"), w.write("/out", b""), w.symlink("/out", "/d/link")))
    view = store.layers.union(build(lambda writer: writer.chown("/d", (5, 6)), base))
    assert {(node.uid, node.gid) for _, node in view.walk("/d")} == {(5, 6)}
    assert view.stat("/out").uid == 0
    assert view.read("/d/in/f") == b"text"


def test_names_of_one_file_stay_together(store: Store, build: Any) -> None:
    """Files that are hard links of each other in the source are so in the copy, also when it cannot share."""
    with store.layers.stage() as staged:
        (staged.fs / "a").write_text("text")
        os.link(staged.fs / "a", staged.fs / "b")
        source = Tree((staged.commit(),))
    for owner in (None, (4, 4)):
        tree = build(lambda w, owner=owner: w.copy_tree(store.layers.union(source), "/", "/d", owner=owner))
        view = store.layers.union(tree)
        assert view.stat("/d/a").status.st_ino == view.stat("/d/b").status.st_ino


def test_capabilities_and_special_bits_survive_copies(store: Store, build: Any) -> None:
    """setuid, sticky bits and file capabilities are there after a copy that had to write the file anew."""
    with store.layers.stage() as staged:
        (staged.fs / "ping").write_text("ping")
        (staged.fs / "ping").chmod(0o4755)
        os.setxattr(staged.fs / "ping", "security.capability", CAPABILITY)
        source = store.layers.union(Tree((staged.commit(),)))
    tree = build(lambda writer: writer.copy_tree(source, "/", "/", owner=(7, 7)))
    node = store.layers.union(tree).stat("/ping")
    assert (node.uid, node.mode) == (7, 0o4755)
    assert os.getxattr(node.real, "security.capability") == CAPABILITY


def test_marks_of_overlayfs_are_not_copied(store: Store, build: Any) -> None:
    """An opaque directory is copied as an ordinary one: it must not hide what its new place has."""
    base = build(lambda writer: writer.write("/s/old", b""))
    source = build(lambda writer: (writer.remove("/s"), writer.write("/s/new", b"")), base)
    target = build(lambda writer: writer.write("/d/there", b""))
    view = store.layers.union(build(lambda w: w.copy_tree(store.layers.union(source), "/s", "/d"), target))
    assert sorted(view.list("/d")) == ["new", "there"]


def test_special_files_are_copied(store: Store, build: Any) -> None:
    """Pipes and devices come along with their numbers, modes and owners."""
    with store.layers.stage() as staged:
        os.mkfifo(staged.fs / "fifo", 0o620)
        os.mknod(staged.fs / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
        source = store.layers.union(Tree((staged.commit(),)))
    tree = build(lambda writer: writer.copy_tree(source, "/", "/dev", owner=(3, 3)))
    found = store.layers.union(tree).list("/dev")
    assert (found["fifo"].kind, found["fifo"].uid) == (Kind.FIFO, 3)
    assert (found["null"].kind, found["null"].status.st_rdev) == (Kind.DEVICE, os.makedev(1, 3))


def test_holes_stay_holes(store: Store, build: Any) -> None:
    """A file of a gigabyte that holds three words takes no gigabyte when it is copied."""
    with store.layers.stage() as staged:
        with (staged.fs / "sparse").open("wb") as file:
            file.write(b"begin")
            file.seek(1 << 29)
            file.write(b"middle")
            file.truncate(1 << 30)
        source = store.layers.union(Tree((staged.commit(),)))
    tree = build(lambda writer: writer.copy_tree(source, "/", "/d", owner=(3, 3)))
    node = store.layers.union(tree).stat("/d/sparse")
    assert node.size == 1 << 30
    assert node.status.st_blocks * 512 < 1 << 20
    with node.real.open("rb") as file:
        assert file.read(5) == b"begin"
        file.seek(1 << 29)
        assert file.read(7) == b"middle\0"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("/new", "/new", id="a free path is the file"),
        pytest.param("/dir", "/dir/name", id="a directory takes it in"),
        pytest.param("/link", "/dir/name", id="so does a link to a directory"),
        pytest.param("/fresh/", "/fresh/name", id="a slash at the end asks for a directory"),
        pytest.param("/file", "/file", id="a file is replaced"),
        pytest.param("/a/b/c", "/a/b/c", id="parents are made"),
    ],
)
def test_a_file_is_placed_as_copy_commands_do(store: Store, build: Any, path: str, expected: str) -> None:
    """Where a copied file lands depends on what is there and on a slash at the end."""
    node = store.layers.union(build(lambda writer: writer.write("/s", b"source"))).stat("/s")
    base = build(lambda w: (w.mkdir("/dir"), w.symlink("dir", "/link"), w.write("/file", b"old")))
    view = store.layers.union(build(lambda writer: writer.place(path, "name", node), base))
    assert view.read(expected) == b"source"


def test_a_placed_file_replaces_a_link(store: Store, build: Any) -> None:
    """The link itself gives way, what it leads to stays."""
    node = store.layers.union(build(lambda writer: writer.write("/s", b"source"))).stat("/s")
    base = build(lambda w: (w.write("/target", b"kept"), w.symlink("target", "/link")))
    view = store.layers.union(build(lambda writer: writer.place("/link", "name", node), base))
    assert (view.read("/link"), view.read("/target")) == (b"source", b"kept")
    assert view.stat("/link", follow=False).kind is Kind.FILE


def test_the_view_shows_what_is_written_so_far(store: Store, build: Any) -> None:
    """A writer's view is base and layer together, between its steps."""
    view = store.layers.union(base_of(build))
    with store.layers.stage(view) as staged:
        writer = LayerWriter(view, staged)
        writer.remove("/etc")
        writer.write("/usr/lib64/x", b"x")
        assert [path for path, _ in writer.view.walk("/usr")] == ["lib", "lib/x", "lib64"]
        assert not writer.view.exists("/etc/passwd")
        writer.write("/etc/passwd", b"new")
        assert list(writer.view.list("/etc")) == ["passwd"]


def test_a_layer_can_be_continued(store: Store, build: Any) -> None:
    """A second writer on the same staged layer knows what the first one made and hid."""
    base = store.layers.union(base_of(build))
    with store.layers.stage(base) as staged:
        first = LayerWriter(base, staged)
        first.remove("/etc")
        first.mkdir("/etc")
        second = LayerWriter(base, staged)
        second.write("/etc/motd", b"hello")
        second.write("/usr/lib/x", b"")
        assert list(second.view.list("/etc")) == ["motd"]
        tree = Tree((*base_layers(store, base), staged.commit()))
    assert list(store.layers.union(tree).list("/etc")) == ["motd"]


def base_layers(store: Store, union: Union) -> list[str]:
    return [str(store.layers.layer_of(path)) for path in union.paths]


def test_sources_outside_the_store_are_copied(store: Store, build: Any, tmp_path: Path) -> None:
    """A directory of the host is never shared by hard link: who writes to it later must not change the store."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "f").write_text("then")
    tree = build(lambda writer: writer.copy_tree(Union([outside]), "/", "/"))
    (outside / "f").write_text("now!")
    assert store.layers.union(tree).read("/f") == b"then"


def test_a_file_with_all_the_names_a_disk_allows_is_copied(store: Store, build: Any, tmp_path: Path) -> None:
    """Where no further hard link can be made, a copy is: of one file, and of a whole layer."""
    first = build(lambda writer: writer.write("/f", b"x"))
    node = store.layers.union(first).stat("/f")
    names = tmp_path / "names"
    names.mkdir()
    try:
        for number in range(66_000):
            os.link(node.location, f"{names}/{number}")
    except OSError:
        pass
    else:
        pytest.skip("this disk allows more names than a test should make")
    view = store.layers.union(build(lambda writer: writer.copy_tree(store.layers.union(first), "/", "/d")))
    assert (view.read("/d/f"), view.stat("/d/f").status.st_nlink) == (b"x", 1)
    (tmp_path / "clone").mkdir()
    clone_layer(node.location.removesuffix("/f"), str(tmp_path / "clone"))
    assert (tmp_path / "clone" / "f").read_text() == "x"


def test_too_long_a_name_is_one_clear_line(store: Store, build: Any) -> None:
    """What no disk takes is told in a line, without a traceback of ours."""
    with pytest.raises(StoreError, match=r"^lstat /x+: file name too long$") as caught:
        build(lambda writer: writer.write("/" + "x" * 256, b""))
    assert "\n" not in str(caught.value)


def test_nothing_is_left_of_a_failed_layer(store: Store, build: Any) -> None:
    """A layer whose writing fails disappears."""

    def fail(writer: LayerWriter) -> None:
        writer.write("/f", b"x")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        build(fail, EMPTY)
    assert list(store.layers.root.iterdir()) == []
    assert [path.name for path in (store.root / "staging").glob("*/*")] == ["lock"]
