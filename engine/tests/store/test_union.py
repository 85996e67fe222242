"""Reading a stack of layers."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from embedded_engine.store import (
    EMPTY,
    Kind,
    LayerWriter,
    LinkLoopError,
    PathError,
    PathIsDirectoryError,
    PathNotDirectoryError,
    PathNotFoundError,
    Store,
    Union,
)
from embedded_engine.store.union import clean


def linked(writer: LayerWriter) -> None:
    writer.write("/a/file", b"content")
    writer.symlink("a", "/relative")
    writer.symlink("/a/file", "/absolute")
    writer.symlink("../../../../a", "/b/up")
    writer.symlink("../../etc/passwd", "/b/escape")
    writer.symlink("two", "/one")
    writer.symlink("one", "/two")
    writer.symlink("nowhere/else", "/dangling")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("a/file", "/a/file", id="a path without slash begins at the root"),
        pytest.param("/relative/file", "/a/file", id="a link on the way is followed"),
        pytest.param("/absolute", "/a/file", id="an absolute target begins at the root of the tree"),
        pytest.param("/b/up/file", "/a/file", id="going up stops at the root"),
        pytest.param("/b/escape", "/etc/passwd", id="no link leads out of the tree"),
        pytest.param("/relative/../b", "/b", id="two dots in a path are taken from its words"),
        pytest.param("/dangling", "/nowhere/else", id="a dangling link says where its target would be"),
        pytest.param("/", "/", id="the root is itself"),
        pytest.param("", "/", id="no path is the root"),
    ],
)
def test_resolving_stays_inside(store: Store, build: Any, path: str, expected: str) -> None:
    """Links are followed as if the tree were the whole file system."""
    assert store.layers.union(build(linked)).resolve(path) == expected


def test_a_circle_of_links_is_named(store: Store, build: Any) -> None:
    """Links that lead in a circle end in an error that says so."""
    with pytest.raises(LinkLoopError, match=r"^lstat /one: too many links$"):
        store.layers.union(build(linked)).stat("/one")


def test_what_is_not_there_reads_like_dagger(store: Store, build: Any) -> None:
    """A missing path and one through a file have the words that Dagger has for them."""
    view = store.layers.union(build(linked))
    with pytest.raises(PathNotFoundError, match=r"^lstat /x: no such file or directory$"):
        view.stat("/x")
    with pytest.raises(PathNotDirectoryError, match=r"^lstat /a/file/x: not a directory$"):
        view.stat("/a/file/x")
    with pytest.raises(PathNotDirectoryError, match=r"^open /a/file: not a directory$"):
        view.list("/a/file")
    with pytest.raises(PathIsDirectoryError, match=r"^read /a: is a directory$"):
        view.read("/a")
    with pytest.raises(PathNotFoundError):
        view.read("/dangling")
    assert view.exists("/dangling", follow=False)
    assert not view.exists("/dangling")


def test_reading_is_bounded(store: Store, build: Any) -> None:
    """A file larger than the limit is refused, one as large is read."""
    view = store.layers.union(build(linked))
    assert view.read("/a/file", limit=7) == b"content"
    with pytest.raises(PathError, match="larger than 6 bytes"):
        view.read("/a/file", limit=6)


def test_the_empty_tree_is_an_empty_directory(store: Store) -> None:
    """No layers make an empty directory with the usual mode."""
    view = store.layers.union(EMPTY)
    assert view.list("/") == {}
    assert list(view.walk("/")) == []
    assert (view.stat("/").kind, view.stat("/").mode) == (Kind.DIRECTORY, 0o755)


def test_upper_layers_hide_lower_ones(store: Store, build: Any) -> None:
    """A file, a removal and a directory in place of a file each win over what is below."""
    below = build(lambda w: (w.write("/f", b"old"), w.write("/gone/x", b""), w.write("/was-file", b"")))

    def change(writer: LayerWriter) -> None:
        writer.write("/f", b"new")
        writer.remove("/gone")
        writer.remove("/was-file")
        writer.write("/was-file/x", b"")

    view = store.layers.union(build(change, below))
    assert [path for path, _ in view.walk()] == ["f", "was-file", "was-file/x"]
    assert view.read("/f") == b"new"


def test_every_kind_of_node_is_told(store: Store) -> None:
    """Pipes, sockets and devices are told apart; a whiteout is nothing."""
    with store.layers.stage() as staged:
        os.mkfifo(staged.fs / "fifo")
        os.mknod(staged.fs / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
        os.mknod(staged.fs / "gone", stat.S_IFCHR, 0)
        os.mknod(staged.fs / "socket", stat.S_IFSOCK | 0o600)
        view = Union([staged.fs])
        kinds = {name: node.kind for name, node in view.list("/").items()}
    assert kinds == {"fifo": Kind.FIFO, "null": Kind.DEVICE, "socket": Kind.SOCKET}


def test_odd_names_are_kept(store: Store, build: Any) -> None:
    """Names may hold newlines, bytes that are no UTF-8, and be as long as the disk allows."""
    names = ["new\nline", "\udcff\udcfe", "x" * 255, " ", "-rf", "*", "é"]
    tree = build(lambda writer: [writer.write(f"/d/{name}", name.encode("utf-8", "surrogateescape")) for name in names])
    view = store.layers.union(tree)
    assert sorted(view.list("/d")) == sorted(names)
    assert all(view.read(f"/d/{name}") == os.fsencode(name) for name in names)
    with pytest.raises(PathNotFoundError) as caught:
        view.stat("/d/other\nline")
    assert "\n" not in str(caught.value)


def test_walking_does_not_mind_depth(store: Store, build: Any) -> None:
    """Hundreds of directories inside each other are walked, copied and removed."""
    deep = "/d" * 500
    tree = build(lambda writer: writer.write(f"{deep}/end", b"x"))
    assert sum(1 for _ in store.layers.union(tree).walk()) == 501
    copy = build(lambda writer: writer.copy_tree(store.layers.union(tree), "/", "/in"))
    assert store.layers.union(copy).read(f"/in{deep}/end") == b"x"
    gone = build(lambda writer: writer.remove("/d"), tree)
    assert store.layers.union(gone).list("/") == {}


@pytest.mark.parametrize(
    ("path", "expected"),
    [("a//b/./c/", "/a/b/c"), ("/../..", ""), ("a/../../b", "/b"), (".", ""), ("/a/..", "")],
)
def test_paths_have_one_spelling(path: str, expected: str) -> None:
    """Empty words, dots and two dots disappear."""
    assert clean(path) == expected


def test_the_root_shows_the_top_layer(store: Store, build: Any, tmp_path: Path) -> None:
    """A staged layer takes over mode and owner of the root below, because overlayfs shows the top one's."""
    base = build(lambda writer: writer.chown("/", (3, 4), recursive=False))
    store.layers.path(base.layers[0]).chmod(0o1777)
    root = store.layers.union(build(lambda writer: writer.write("/f", b""), base)).stat("/")
    assert (root.mode, root.uid, root.gid) == (0o1777, 3, 4)
