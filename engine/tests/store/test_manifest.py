"""What a tree holds, in a form that can be compared, cut and kept."""

from __future__ import annotations

import hashlib
import os
import struct
from typing import Any

import pytest

from embedded_engine.store import (
    Entry,
    Kind,
    LayerWriter,
    Manifest,
    PathNotFoundError,
    Patterns,
    Store,
    StoreError,
    Tree,
)


def some(writer: LayerWriter) -> None:
    writer.write("/src/app.py", b"print()", mode=0o755)
    writer.write("/src/deep/er.py", b"")
    writer.write("/src-other", b"other")
    writer.symlink("src/app.py", "/link")
    writer.symlink("/src", "/dir-link")


def test_a_manifest_says_what_is_there(store: Store, build: Any) -> None:
    """Kind, mode, owner, size and content of every path, the root included."""
    manifest = Manifest.of(store.layers.union(build(some)))
    assert list(manifest) == ["", "dir-link", "link", "src", "src-other", "src/app.py", "src/deep", "src/deep/er.py"]
    digest = hashlib.sha256(b"print()").hexdigest()
    assert manifest["src/app.py"] == Entry(Kind.FILE, 0o755, 0, 0, 7, digest)
    assert manifest["link"].content == "src/app.py"
    assert manifest[""].kind is Kind.DIRECTORY


def test_times_and_layers_do_not_matter(store: Store, build: Any) -> None:
    """The digest is the same whenever and in however many layers the content was written."""
    at_once = build(some)
    in_steps = build(some, build(lambda writer: (writer.write("/src/gone", b""), writer.write("/src-other", b"old"))))
    in_steps = build(lambda writer: (writer.remove("/src/gone"), writer.utime_all(1)), in_steps)
    assert digest_of(store, at_once) == digest_of(store, in_steps)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda w: w.write("/src/app.py", b"print(1)", mode=0o755), id="content"),
        pytest.param(lambda w: w.write("/src/app.py", b"print()", mode=0o644), id="mode"),
        pytest.param(lambda w: w.chown("/src/app.py", (1, 0)), id="owner"),
        pytest.param(lambda w: w.write("/src/new", b""), id="a new file"),
        pytest.param(lambda w: w.remove("/src/app.py"), id="a file less"),
        pytest.param(lambda w: w.mkdir("/empty"), id="an empty directory"),
        pytest.param(lambda w: (w.remove("/link"), w.symlink("src", "/link")), id="where a link leads"),
        pytest.param(lambda w: (w.remove("/link"), w.write("/link", b"src/app.py")), id="what kind it is"),
    ],
)
def test_everything_else_matters(store: Store, build: Any, change: Any) -> None:
    """Each change that a step could notice changes the digest."""
    base = build(some)
    assert digest_of(store, build(change, base)) != digest_of(store, base)


def test_capabilities_matter(store: Store) -> None:
    """Two files that differ in a capability only are not the same."""
    digests = []
    for bit in (10, 12):
        with store.layers.stage() as staged:
            (staged.fs / "ping").write_text("ping")
            capability = struct.pack("<IIIII", 0x02000001, 1 << bit, 0, 0, 0)
            os.setxattr(staged.fs / "ping", "security.capability", capability)
            digests.append(digest_of(store, Tree((staged.commit(),))))
    assert digests[0] != digests[1]


@pytest.mark.parametrize("path", ["/src", "src/deep", "/src/app.py", "/link", "/dir-link/deep", "/", "/src-other"])
def test_a_selection_is_the_manifest_of_the_part(store: Store, build: Any, path: str) -> None:
    """Cutting a manifest and describing only that part give the same, links on the way followed."""
    view = store.layers.union(build(some))
    assert Manifest.of(view).select(path) == Manifest.of(view, path)


def test_a_selection_through_a_link_has_the_content_of_its_target(store: Store, build: Any) -> None:
    """What a link leads to is part of the key of a file selected through it."""
    base = build(some)
    changed = build(lambda writer: writer.write("/src/app.py", b"print(2)", mode=0o755), base)
    digests = {Manifest.of(store.layers.union(tree)).select("/link").digest for tree in (base, changed)}
    assert len(digests) == 2


def test_selecting_nothing_is_an_error(store: Store, build: Any) -> None:
    """A path that is not there is named in Dagger's words, here as in a view."""
    manifest = Manifest.of(store.layers.union(build(some)))
    with pytest.raises(PathNotFoundError, match=r"^lstat /sr: no such file or directory$"):
        manifest.select("/sr")


def test_a_change_outside_a_selection_leaves_its_digest(store: Store, build: Any) -> None:
    """A step on one file does not see that another one changed."""
    base = build(some)
    changed = build(lambda writer: writer.write("/src/deep/er.py", b"edited"), base)
    before, after = (Manifest.of(store.layers.union(tree)) for tree in (base, changed))
    assert before.digest != after.digest
    assert before.select("/src/app.py").digest == after.select("/src/app.py").digest
    only = Patterns(include=("**/app.py",))
    assert before.filter(only).digest == after.filter(only).digest
    assert list(after.filter(only)) == ["", "src", "src/app.py"]
    memo: dict[str, str] = {}
    assert Manifest.of(store.layers.union(changed), "/", memo, only) == after.filter(only)
    assert len(memo) == 1, "what is not taken need not be read"


def test_a_manifest_can_be_kept(store: Store, build: Any) -> None:
    """Its canonical form reads back as the same manifest, odd names included; a torn one is refused."""
    manifest = Manifest.of(store.layers.union(build(lambda w: w.write("/\udcff\n x", b""), build(some))))
    again = Manifest.load(manifest.dump())
    assert again == manifest
    assert again.digest == manifest.digest
    assert Manifest.build(dict(manifest)) == manifest
    with pytest.raises(StoreError, match="damaged"):
        Manifest.load(manifest.dump().rpartition(b"\0")[0])


def test_digests_of_files_are_remembered(store: Store, build: Any) -> None:
    """With a memo, what a layer holds is read once."""
    view = store.layers.union(build(some))
    memo: dict[str, str] = {}
    first = Manifest.of(view, memo=memo)
    assert len(memo) == 3
    memo[view.stat("/src-other").location] = "f" * 64
    assert Manifest.of(view, memo=memo)["src-other"].content == "f" * 64
    assert Manifest.of(view) == first


@pytest.mark.parametrize(
    "patterns",
    [
        pytest.param(Patterns(), id="everything"),
        pytest.param(Patterns(include=("src/deep",)), id="one directory"),
        pytest.param(Patterns(include=("**/*.py",)), id="files of a kind"),
        pytest.param(Patterns(exclude=("src",)), id="all but a directory"),
        pytest.param(Patterns(exclude=("src", "!src/deep/er.py")), id="all but a directory, a file of it taken back"),
        pytest.param(Patterns(include=("nothing",)), id="nothing"),
    ],
)
def test_only_what_patterns_take_is_read(store: Store, build: Any, patterns: Patterns) -> None:
    """The manifest of a part is what its patterns leave of the whole one, and no file outside it is hashed."""
    view = store.layers.union(build(some))
    memo: dict[str, str] = {}
    manifest = Manifest.of(view, memo=memo, patterns=patterns)
    assert manifest == Manifest.of(view).filter(patterns)
    assert len(memo) == sum(entry.kind is Kind.FILE for entry in manifest.values())


def test_large_files_are_digested_together(store: Store, build: Any) -> None:
    """Several large files have the digests that each has alone."""
    contents = {f"/f{number}": os.urandom(200_000) for number in range(5)}
    tree = build(lambda writer: [writer.write(path, content) for path, content in contents.items()])
    manifest = Manifest.of(store.layers.union(tree))
    for path, content in contents.items():
        assert manifest[path[1:]].content == hashlib.sha256(content).hexdigest()


def digest_of(store: Store, tree: Tree) -> str:
    return Manifest.of(store.layers.union(tree)).digest
