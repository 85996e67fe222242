"""One byte of the store is another than was written, at the same length: every place is found by a look at the store."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from embedded_engine.store import EMPTY, LayerWriter, Store, StoreError, Tree
from embedded_engine.store.files import remove_tree
from embedded_engine.store.kept import keep, read_kept
from embedded_engine.store.seal import SEAL
from embedded_engine.store.verify import Findings, verify

Make = Callable[[Path], Path]


def flip(path: Path) -> None:
    """Change one byte in the middle, as a disk would: no time of the file tells."""
    status, content = path.stat(), bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def layer(root: Path, name: str = "a-layer", content: bytes = b"content" * 100) -> Path:
    """A layer of a few files that a result needs; the place of one of them."""
    with Store.open(root) as store:
        view = store.layers.union(EMPTY)
        with store.layers.stage() as staged:
            writer = LayerWriter(view, staged)
            writer.write("/directory/file", content)
            writer.symlink("file", "/directory/link")
            store.results.put(name, {"of": name}, [staged.commit(name)])
    return root / "layers" / name / "fs/directory/file"


def blob(root: Path) -> Path:
    """An output too large to be held to its digest at every use."""
    with Store.open(root) as store:
        return store.blobs.path(store.blobs.put(b"output" * 20_000))


def record(root: Path) -> Path:
    """A result's record."""
    with Store.open(root) as store:
        store.results.put("key", {"exit_code": 0})
    return next((root / "results").glob("??/*"))


def index(root: Path) -> Path:
    """The index of an import."""
    source = root.parent / "source"
    source.mkdir()
    (source / "file").write_text("content")
    with Store.open(root) as store:
        store.hosts.import_tree(source)
    return next((root / "hosts").iterdir())


def imported_file(root: Path) -> Path:
    """A file that was imported, whose digest the import had told."""
    index(root)
    return next((root / "layers").glob("*/fs/file"))


def definitions(root: Path) -> Path:
    """What is kept of a module."""
    Store.open(root).close()
    (root / "modules").mkdir()
    keep(root / "modules/digest.pickle", b"definitions")
    return root / "modules/digest.pickle"


def schema(root: Path) -> Path:
    """What is kept of a schema that a module extends."""
    Store.open(root).close()
    place = root / "schema-digest/with-more/schema.pickle"
    place.parent.mkdir(parents=True)
    keep(place, b"types")
    return place


def environment(root: Path) -> Path:
    """A package in a module's environment, as installers leave it."""
    Store.open(root).close()
    packages = root / "environments/digest/lib/python3.13/site-packages"
    (packages / "sample-1.0.dist-info").mkdir(parents=True)
    (packages / "sample.py").write_text("answer = 42\n")
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"answer = 42\n").digest()).rstrip(b"=").decode()
    listed = f"sample.py,sha256={digest},12\nsample-1.0.dist-info/RECORD,,\n"
    (packages / "sample-1.0.dist-info/RECORD").write_text(listed)
    (root / "environments/digest/bin").mkdir()
    (root / "environments/digest/bin/python").touch()
    return packages / "sample.py"


def mirror(root: Path) -> Path:
    """An object in the mirror of a repository."""
    Store.open(root).close()
    place = root / "git/digest"
    subprocess.run(["git", "init", "-q", "--bare", str(place)], check=True)
    subprocess.run(
        ["git", "hash-object", "-w", "--stdin"], input=b"content", cwd=place, check=True, capture_output=True
    )
    stored = next((place / "objects").glob("??/*"))
    stored.chmod(0o644)
    return stored


PLACES: list[tuple[str, Make, str]] = [
    ("a file of a layer", layer, "layer a-layer: it holds something else than was stored"),
    ("an imported file", imported_file, "it holds something else than was stored"),
    ("a large output", blob, "its content has the digest"),
    ("a record", record, "its checksum is another"),
    ("the index of an import", index, "its checksum is another"),
    ("the definitions of a module", definitions, "kept file modules/digest.pickle: its checksum is another"),
    ("a schema", schema, "kept file schema-digest/with-more/schema.pickle: its checksum is another"),
    (
        "an environment",
        environment,
        "sample.py is not as it was installed (should that come again: uv cache clean sample)",
    ),
    ("a mirror", mirror, "mirror digest: git fsck: "),
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.mark.parametrize(("make", "said"), [pytest.param(*row, id=place) for place, *row in PLACES])
def test_a_flipped_byte_is_found_and_what_holds_it_removed(root: Path, make: Make, said: str) -> None:
    """What holds the byte is named and removed, a look before it had found nothing, and so does one afterwards."""
    place = make(root)
    assert verify(root) == Findings()
    flip(place)
    found = [f"{each.kind} {each.name}: {each.reason}" for each in verify(root).damages]
    assert [line for line in found if said in line], found
    assert not place.exists()
    assert verify(root) == Findings()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda file: file.chmod(0o600), id="mode"),
        pytest.param(lambda file: os.chown(file, 1, 1), id="owner"),
        pytest.param(lambda file: os.setxattr(file, "user.more", b"x"), id="attribute"),
        pytest.param(lambda file: file.rename(file.with_name("elif")), id="name"),
        pytest.param(
            lambda file: (file.with_name("link").unlink(), file.with_name("link").symlink_to("elif")), id="link"
        ),
    ],
)
def test_a_layer_is_more_than_its_contents(root: Path, change: Callable[[Path], object]) -> None:
    """Another mode, owner, attribute, name or target of a link is damage as well; times are not."""
    place = layer(root)
    os.utime(place, (0, 0))
    assert verify(root) == Findings()
    change(place)
    assert [each.kind for each in verify(root).damages] == ["layer", "result"]


def test_the_next_session_misses_what_was_removed(root: Path) -> None:
    """A result that needs a damaged layer is absent afterwards, and so it is made again; others stay."""
    flip(layer(root))
    layer(root, "another")
    verify(root)
    with Store.open(root) as store:
        assert store.results.get("a-layer") is None
        assert store.results.get("another") == {"of": "another"}


@pytest.mark.parametrize("seal", [None, "", "0" * 40], ids=["none", "an empty one", "half of one"])
def test_a_layer_that_a_killed_run_left_without_a_seal_gets_one(root: Path, seal: str | None) -> None:
    """It is taken as it is, which is told; from then on a change of it is found."""
    place = layer(root)
    note = root / "layers/a-layer" / SEAL
    note.unlink()
    if seal is not None:
        note.write_text(seal)
    assert verify(root) == Findings(sealed=1)
    assert verify(root) == Findings()
    flip(place)
    assert [each.kind for each in verify(root).damages] == ["layer", "result"]


def test_a_store_of_another_kind_of_user_is_left_alone(root: Path) -> None:
    """Its owners mean something else to whoever looks: nothing is taken for damaged, and the line says why."""
    place = layer(root)
    with pytest.raises(StoreError, match="is of root, whose files have other owners"):
        verify(root, rootless=True)
    assert place.exists()


def test_layers_share_files_and_each_is_looked_at(root: Path) -> None:
    """A file with a name in two layers damages both."""
    with Store.open(root) as store:
        view = store.layers.union(EMPTY)
        with store.layers.stage() as staged:
            LayerWriter(view, staged).write("/file", b"content")
            first = staged.commit()
        with store.layers.stage() as staged:
            LayerWriter(view, staged).put("/file", store.layers.union(Tree((first,))).stat("/file"))
            second = staged.commit()
        shared = store.layers.path(first) / "file"
        assert shared.samefile(store.layers.path(second) / "file")
    flip(shared)
    assert sorted(each.name for each in verify(root).damages) == sorted([first, second])


def test_holes_of_a_huge_file_are_not_read(root: Path) -> None:
    """A file of a tebibyte with little in it is sealed at once, and what it does hold is looked at."""
    with Store.open(root) as store, store.layers.stage() as staged:
        with (staged.fs / "huge").open("wb") as file:
            file.truncate(1 << 40)
            file.seek(1 << 39)
            file.write(b"data")
        staged.commit("huge")
    place = root / "layers/huge/fs/huge"
    assert verify(root) == Findings()
    with place.open("r+b") as file:
        file.seek(1 << 39)
        file.write(b"DATA")
    assert [each.name for each in verify(root).damages] == ["huge"]
    remove_tree(root)


def test_what_is_kept_is_read_only_if_it_is_what_was_written(tmp_path: Path) -> None:
    """Content of any kind comes back; cut, changed or missing there is none."""
    place = tmp_path / "kept"
    for content in (b"", b"\0" * 10, b"content"):
        keep(place, content)
        assert read_kept(place) == content
    flip(place)
    assert read_kept(place) is None
    place.write_bytes(b"")
    assert read_kept(place) is None
    assert read_kept(tmp_path / "missing") is None
