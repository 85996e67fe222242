"""Images as files: OCI layouts, tar files, and what Docker saves."""

from __future__ import annotations

import hashlib
import json
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from embedded_engine.images.assemble import AssembledImage, assemble, combine
from embedded_engine.images.config import ImageConfig
from embedded_engine.images.errors import ImageError
from embedded_engine.images.layout import write_tarball
from embedded_engine.images.load import load
from embedded_engine.images.pack import Compression, pack
from embedded_engine.store import EMPTY, LayerWriter, Store, Tree, Union

CONFIG = ImageConfig(env=(("A", "1"),), cmd=("run",), user="app")
Apply = Callable[..., Union]


def lay_out(image: AssembledImage, folder: Path, store: Store) -> None:
    """The layout of an image as a directory."""
    beside = folder.with_suffix(".tar")
    write_tarball(image, beside, store)
    folder.mkdir()
    subprocess.run(["tar", "-xf", beside, "-C", folder], check=True)


@pytest.fixture
def other_store(tmp_path: Path) -> Iterator[Store]:
    """The store of another machine, which has nothing yet."""
    with Store.open(tmp_path / "other") as opened:
        yield opened


@pytest.fixture
def tree(store: Store) -> Tree:
    """Three layers: files, links and owners; a whiteout; nothing at all."""
    found = EMPTY
    changes: list[Callable[[LayerWriter], object]] = [
        lambda writer: (
            writer.write("/etc/conf", b"1" * 3000, mode=0o640, owner=(5, 70000)),
            writer.symlink("conf", "/etc/link"),
            writer.write("/gone", b""),
            writer.write("/odd \udcff\nname", b"2"),
            writer.mkdir("/" + "d" * 150, mode=0o1777),
        ),
        lambda writer: writer.remove("/gone"),
        lambda writer: None,
    ]
    for change in changes:
        view = store.layers.union(found)
        with store.layers.stage(view) as staged:
            change(LayerWriter(view, staged))
            found = found.with_layer(staged.commit())
    return found


def described(view: Union) -> dict[str, tuple[Any, ...]]:
    return {
        path: (node.kind, node.mode, node.uid, node.gid, node.mtime_ns // 10**9, node.real.read_bytes() if node.kind == "file" else "")
        for path, node in view.walk()
    }  # fmt: skip


@pytest.fixture
async def image(store: Store, tree: Tree) -> AssembledImage:
    return await assemble(tree, CONFIG, store, annotations=[("note", "x")])


class TestRoundTrip:
    """What is written is read back."""

    @pytest.mark.parametrize("compression", list(Compression))
    async def test_tarball(
        self, store: Store, other_store: Store, tree: Tree, tmp_path: Path, compression: Compression
    ) -> None:
        """An image in a tar file comes back with the same files, owners, modes and times to the second."""
        image = await assemble(tree, CONFIG, store, compression=compression)
        write_tarball(image, tmp_path / "image.tar", store, "app:1")
        loaded = await load(tmp_path / "image.tar", other_store)
        assert (loaded.digest, loaded.config) == (image.manifest.digest, CONFIG)
        assert described(other_store.layers.union(loaded.tree)) == described(store.layers.union(tree))

    async def test_directory(
        self, store: Store, other_store: Store, tree: Tree, tmp_path: Path, image: AssembledImage
    ) -> None:
        """The same for a directory; layers without any entry are left out."""
        lay_out(image, tmp_path / "layout", store)
        loaded = await load(tmp_path / "layout", other_store)
        assert len(loaded.tree.layers) == 2
        assert described(other_store.layers.union(loaded.tree)) == described(store.layers.union(tree))

    async def test_same_bytes(self, store: Store, tmp_path: Path, image: AssembledImage) -> None:
        """The same image gives the same tar file, for its owner only."""
        for name in ("a.tar", "b.tar"):
            write_tarball(image, tmp_path / name, store, "app:1")
        assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()
        assert (tmp_path / "a.tar").stat().st_mode & 0o777 == 0o600

    async def test_docker_manifest(self, store: Store, tmp_path: Path, image: AssembledImage) -> None:
        """A tar file of one platform has Docker's manifest too; what it names is there."""
        write_tarball(image, tmp_path / "image.tar", store, "app:1")
        with tarfile.open(tmp_path / "image.tar") as archive:
            manifest = json.load(archive.extractfile("manifest.json") or BytesIO())
            names = archive.getnames()
        assert manifest[0]["RepoTags"] == ["app:1"]
        assert {manifest[0]["Config"], *manifest[0]["Layers"], "oci-layout", "index.json"} <= set(names)

    async def test_several_platforms(self, store: Store, other_store: Store, tree: Tree, tmp_path: Path) -> None:
        """With several platforms the index is nested, Docker's manifest is absent, and this machine's image is read."""
        here = await assemble(tree, CONFIG, store)
        there = await assemble(tree, replace(CONFIG, architecture="s390x"), store)
        write_tarball(combine([there, here], store), tmp_path / "image.tar", store)
        with tarfile.open(tmp_path / "image.tar") as archive:
            assert "manifest.json" not in archive.getnames()
        assert (await load(tmp_path / "image.tar", other_store)).digest == here.manifest.digest

    async def test_times_are_bounded(self, store: Store, tree: Tree, tmp_path: Path) -> None:
        """With an epoch no file of the image is younger, and the digest depends on nothing else."""
        image = await assemble(tree, CONFIG, store, epoch=1000)
        manifest = json.loads(store.blobs.read(image.manifest.digest))
        config = json.loads(store.blobs.read(manifest["config"]["digest"]))
        assert config["created"] == "1970-01-01T00:16:40Z"
        with tarfile.open(store.blobs.path(image.layers[0].digest)) as archive:
            assert {member.mtime for member in archive} == {1000}

    async def test_manifest(self, store: Store, image: AssembledImage) -> None:
        """The manifest has the annotations, and sizes and digests that are right."""
        manifest = json.loads(store.blobs.read(image.manifest.digest))
        assert manifest["annotations"] == {"note": "x"}
        for row in (manifest["config"], *manifest["layers"]):
            content = store.blobs.read(row["digest"])
            assert (row["size"], row["digest"]) == (len(content), f"sha256:{hashlib.sha256(content).hexdigest()}")

    async def test_disk_full(self, store: Store, image: AssembledImage, tmp_path: Path) -> None:
        """Where the file cannot be written one line says so and nothing is left."""
        with pytest.raises(Exception, match="cannot write an image") as caught:
            write_tarball(image, tmp_path / "none" / "image.tar", store)
        assert "\n" not in str(caught.value)


class TestPack:
    """Layers as archives."""

    def test_overlay_format(self, store: Store, apply: Apply, tmp_path: Path) -> None:
        """Whiteouts, opaque directories, hard links and attributes survive packing and unpacking."""
        import os

        layers: list[dict[str, Any]] = [
            {"d/": None, "d/old": b"1", "f": b"1"},
            {
                ".wh.f": b"",
                "d/": None,
                "d/.wh..wh..opq": b"",
                "d/new": b"2",
                "hard": {"type": tarfile.LNKTYPE, "linkname": "d/new"},
                "attr": {"content": b"", "pax_headers": {"SCHILY.xattr.user.note": "yes"}},
            },
        ]
        before = apply(*layers)
        archives = []
        for number, path in enumerate(before.paths):
            archives.append(tmp_path / f"layer-{number}")
            pack(Path(path), archives[-1], Compression.GZIP, rootless=False)
        after = apply(*archives)
        assert described(after) == described(before)
        assert after.stat("/hard").status.st_ino == after.stat("/d/new").status.st_ino
        assert os.getxattr(after.stat("/attr").real, "user.note") == b"yes"

    def test_sorted_and_plain(self, store: Store, apply: Apply, tmp_path: Path) -> None:
        """Entries are sorted, parents first, and no user name of this machine is in them."""
        view = apply({"b/": None, "b/z": b"", "b/a/": None, "b/a/x": b"", "a": b""})
        pack(Path(view.paths[0]), tmp_path / "layer", Compression.UNCOMPRESSED, rootless=False)
        with tarfile.open(tmp_path / "layer") as archive:
            members = archive.getmembers()
        assert [member.name for member in members] == ["a", "b", "b/a", "b/z", "b/a/x"]
        assert {(member.uname, member.gname) for member in members} == {("", "")}


class TestLoad:
    """Files that come from elsewhere."""

    @staticmethod
    def tar(place: Path, files: dict[str, bytes]) -> Path:
        with tarfile.open(place, "w") as archive:
            for name, content in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, BytesIO(content))
        return place

    async def test_docker_save(self, store: Store, tree: Tree, image: AssembledImage, tmp_path: Path) -> None:
        """What `docker save` wrote before it knew OCI layouts is read, by tag where there are several."""
        manifest = json.loads(store.blobs.read(image.manifest.digest))
        files = {f"{n}/layer.tar": store.blobs.read(row["digest"]) for n, row in enumerate(manifest["layers"])}
        files["config.json"] = store.blobs.read(manifest["config"]["digest"])
        rows = [
            {"Config": "config.json", "RepoTags": ["app:1"], "Layers": ["0/layer.tar", "1/layer.tar"]},
            {"Config": "config.json", "RepoTags": ["other:2"], "Layers": []},
        ]
        files["manifest.json"] = json.dumps(rows).encode()
        place = self.tar(tmp_path / "saved.tar", files)
        loaded = await load(place, store, "app:1")
        assert described(store.layers.union(loaded.tree)) == described(store.layers.union(tree))
        with pytest.raises(ImageError, match="more than one image of that name: it has app:1, other:2"):
            await load(place, store)
        with pytest.raises(ImageError, match="no image of that name"):
            await load(place, store, "nope")

    async def test_tag(self, store: Store, tmp_path: Path, image: AssembledImage) -> None:
        """A tag must be one that the file has."""
        write_tarball(image, tmp_path / "image.tar", store, "docker.io/library/app:1")
        for tag in ("1", "app:1", "docker.io/library/app:1"):
            assert (await load(tmp_path / "image.tar", store, tag)).digest == image.manifest.digest
        with pytest.raises(ImageError, match=r"no image 2 for linux/.*: it has docker.io/library/app:1"):
            await load(tmp_path / "image.tar", store, "2")

    @pytest.mark.parametrize(
        ("files", "message"),
        [
            pytest.param({"x": b""}, "is not an image", id="another tar file"),
            pytest.param({"index.json": b"{}"}, "no container image", id="an empty index"),
            pytest.param({"index.json": b"?"}, "is not JSON", id="no JSON"),
            pytest.param(
                {"index.json": b'{"manifests": [{"digest": "sha256:../../../etc/passwd"}]}'}, "outside itself", id="traversal"
            ),
            pytest.param({"index.json": b'{"manifests": [{"digest": "sha256:12"}]}'}, "lacks its file", id="a lost blob"),
            pytest.param(
                {"index.json": b'{"manifests": [{"digest": "sha256:12"}]}', "blobs/sha256/12": b"{}"}, "damaged", id="other content"
            ),
        ],
    )  # fmt: skip
    async def test_refused(self, store: Store, tmp_path: Path, files: dict[str, bytes], message: str) -> None:
        """What is no image, or a damaged one, is refused in one line."""
        with pytest.raises(ImageError, match=message) as caught:
            await load(self.tar(tmp_path / "image.tar", files), store)
        assert "\n" not in str(caught.value)

    async def test_no_tar(self, store: Store, tmp_path: Path) -> None:
        """A file that is no archive is refused by its name."""
        (tmp_path / "image.tar").write_bytes(b"hello")
        with pytest.raises(ImageError, match=r"image.tar is not a tar file of an image"):
            await load(tmp_path / "image.tar", store)

    async def test_damaged_layer(self, store: Store, other_store: Store, tmp_path: Path, image: AssembledImage) -> None:
        """A layer that is not what its name says is refused."""
        lay_out(image, tmp_path / "layout", store)
        blob = tmp_path / "layout" / "blobs" / image.layers[0].digest.replace(":", "/")
        blob.write_bytes(blob.read_bytes()[:-1] + b"?")
        with pytest.raises(ImageError, match="is damaged: a layer has the digest"):
            await load(tmp_path / "layout", other_store)
