"""Layers from archives: what they hold, and what they must not do."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import stat
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from embedded_engine.images.compression import open_layer
from embedded_engine.images.errors import ImageError
from embedded_engine.images.unpack import unpack
from embedded_engine.store import Store, StoreError, Union

Apply = Callable[..., Union]
MakeArchive = Callable[..., Path]

LINK, HARD, FIFO, CHAR = tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE


def names(view: Union) -> list[str]:
    return sorted(path for path, _ in view.walk())


class TestContent:
    """What an honest archive gives."""

    @pytest.mark.parametrize("compression", ["plain", "gzip", "zstd"])
    def test_compressions(self, apply: Apply, make_archive: MakeArchive, compression: str) -> None:
        """Plain, gzip and zstd archives give the same files."""
        view = apply(make_archive({"a/": None, "a/b": b"x" * 100_000, "c": b""}, compression))
        assert names(view) == ["a", "a/b", "c"]
        assert view.read("/a/b") == b"x" * 100_000

    def test_several_gzip_members(self, apply: Apply, make_archive: MakeArchive, tmp_path: Path) -> None:
        """A gzip file may have several members."""
        data = make_archive({"a": b"1"}).read_bytes()
        (tmp_path / "two").write_bytes(gzip.compress(data[:700]) + gzip.compress(data[700:]))
        assert apply(tmp_path / "two").read("/a") == b"1"

    def test_metadata(self, apply: Apply) -> None:
        """Owners, modes with setuid and sticky bits, times and links are kept."""
        view = apply(
            {
                "./": {"type": tarfile.DIRTYPE, "mode": 0o711},
                "bin/": {"type": tarfile.DIRTYPE, "mode": 0o1777, "uid": 5, "gid": 6, "mtime": 100},
                "bin/su": {"content": b"su", "mode": 0o4755, "uid": 1000, "gid": 70000, "mtime": 1_700_000_000},
                "bin/sh": "su",
                "bin/hard": {"type": HARD, "linkname": "bin/su"},
                "pipe": {"type": FIFO, "mode": 0o600},
            }
        )
        su = view.stat("/bin/su")
        assert (su.mode, su.uid, su.gid, su.mtime_ns) == (0o4755, 1000, 70000, 1_700_000_000 * 10**9)
        folder = view.stat("/bin")
        assert (folder.mode, folder.uid, folder.gid, folder.mtime_ns) == (0o1777, 5, 6, 100 * 10**9)
        assert view.stat("/").mode == 0o711
        assert view.stat("/bin/hard").status.st_ino == su.status.st_ino
        assert view.stat("/bin/sh", follow=False).target == "su"
        assert stat.S_ISFIFO(view.stat("/pipe").status.st_mode)

    def test_exact_times_and_attributes(self, apply: Apply) -> None:
        """Times have nanoseconds where the archive has them; attributes are kept, but not overlayfs' own."""
        capability = b"\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
        view = apply(
            {
                "f": {
                    "content": b"x",
                    "pax_headers": {
                        "mtime": "1.123456789",
                        "SCHILY.xattr.security.capability": capability.decode("utf-8", "surrogateescape"),
                        "SCHILY.xattr.user.note": "yes",
                        "SCHILY.xattr.trusted.overlay.redirect": "/etc",
                        "SCHILY.xattr.user.overlay.opaque": "y",
                    },
                }
            }
        )
        node = view.stat("/f")
        assert node.mtime_ns == 1_123_456_789
        assert sorted(os.listxattr(node.real)) == ["security.capability", "user.note"]
        assert os.getxattr(node.real, "security.capability") == capability

    def test_odd_names(self, apply: Apply) -> None:
        """Names may be long, have spaces, line ends and bytes that are no text."""
        name = "d" * 200 + "/" + "f" * 200
        odd = "new\nline \udcff"
        view = apply({name: b"1", odd: b"2"})
        assert view.read(f"/{name}") == b"1"
        assert view.read(f"/{odd}") == b"2"

    def test_sparse(self, apply: Apply, tmp_path: Path) -> None:
        """A sparse file keeps its holes."""
        with (tmp_path / "sparse").open("wb") as file:
            file.seek(10 << 20)
            file.write(b"end")
        layer = tmp_path / "layer.tar"
        subprocess.run(["tar", "-C", tmp_path, "--sparse", "-cf", layer, "sparse"], check=True)
        node = apply(layer).stat("/sparse")
        assert (node.size, node.status.st_blocks < 100) == ((10 << 20) + 3, True)
        assert node.real.read_bytes()[-4:] == b"\0end"

    def test_digest(self, store: Store, make_archive: MakeArchive) -> None:
        """The digest is that of the uncompressed archive, to its last byte."""
        plain, packed = make_archive({"a": b"1"}), make_archive({"a": b"1"}, "gzip")
        with store.layers.stage() as staged:
            assert unpack(packed, staged, Union([])) == f"sha256:{hashlib.sha256(plain.read_bytes()).hexdigest()}"

    def test_last_entry_wins(self, apply: Apply) -> None:
        """A path that comes twice is what it is at last: file, directory or link."""
        view = apply(
            [
                ("a", b"1"),
                ("a/", None),
                ("a/x", b"2"),
                ("b/", None),
                ("b/y", b"3"),
                ("b", b"4"),
                ("c", "b"),
                ("c", b"5"),
            ]
        )
        assert names(view) == ["a", "a/x", "b", "c"]
        assert (view.read("/b"), view.read("/c")) == (b"4", b"5")


class TestLayers:
    """One layer over another."""

    def test_whiteouts(self, apply: Apply) -> None:
        """A whiteout hides one entry, an opaque marker all of a directory's."""
        base = {"d/": None, "d/a": b"1", "d/b": b"1", "e/": None, "e/a": b"1", "f/x/y": b"1"}
        view = apply(base, {"d/.wh.a": b"", "e/.wh..wh..opq": b"", "e/new": b"2", ".wh.f": b"", ".wh.nothing": b""})
        assert names(view) == ["d", "d/b", "e", "e/new"]

    @pytest.mark.parametrize("late", [True, False], ids=["marker last", "marker first"])
    def test_whiteout_and_entry(self, apply: Apply, late: bool) -> None:
        """A directory that is hidden and made again in one layer shows nothing from below, in whatever order."""
        entries = [(".wh.d", b""), ("d/", None), ("d/new", b"2")]
        view = apply({"d/": None, "d/old": b"1"}, entries[1:] + entries[:1] if late else entries)
        assert names(view) == ["d", "d/new"]

    def test_opaque_before_parents(self, apply: Apply) -> None:
        """What is made below an opaque directory takes nothing over from what is hidden."""
        base = {"d/": None, "d/sub/": {"type": tarfile.DIRTYPE, "mode": 0o700}, "d/sub/old": b"1"}
        view = apply(base, [("d/.wh..wh..opq", b""), ("d/sub/new", b"2")])
        assert names(view) == ["d", "d/sub", "d/sub/new"]
        assert view.stat("/d/sub").mode == 0o755

    def test_parents_from_below(self, apply: Apply) -> None:
        """A directory that the archive does not mention stays as it is in the layers below."""
        view = apply({"tmp/": {"type": tarfile.DIRTYPE, "mode": 0o1777, "uid": 7, "mtime": 50}}, {"tmp/f": b"1"})
        node = view.stat("/tmp")
        assert (node.mode, node.uid, node.mtime_ns) == (0o1777, 7, 50 * 10**9)

    @pytest.mark.parametrize("target", ["usr/lib", "/usr/lib", "../usr/lib", "./x/../usr/lib"])
    def test_linked_parent(self, apply: Apply, target: str) -> None:
        """An entry below a link of a lower layer goes to where the link leads, inside the image."""
        view = apply({"usr/lib/": None, "usr/lib/a": b"1", "x/": None, "lib": target}, {"lib/b": b"2"})
        assert view.read("/usr/lib/b") == b"2"
        assert view.stat("/lib", follow=False).target == target
        assert view.read("/lib/a") == b"1"

    def test_directory_over_link(self, apply: Apply) -> None:
        """A directory in the place of a link replaces it."""
        view = apply({"a/": None, "a/x": b"1", "l": "a"}, {"l/": None, "l/y": b"2"})
        assert names(view) == ["a", "a/x", "l", "l/y"]

    def test_hard_link_to_lower_layer(self, apply: Apply) -> None:
        """A hard link may join a file of a lower layer, which is copied up with all it has."""
        view = apply(
            {
                "d/": {"type": tarfile.DIRTYPE, "mode": 0o700},
                "d/f": {"content": b"1", "mode": 0o640, "uid": 3, "mtime": 9},
            },
            {"g": {"type": HARD, "linkname": "d/f"}},
        )
        first, second = view.stat("/d/f"), view.stat("/g")
        assert first.status.st_ino == second.status.st_ino
        assert (second.mode, second.uid, second.mtime_ns, view.stat("/d").mode) == (0o640, 3, 9 * 10**9, 0o700)


class TestSafety:
    """Archives by people who mean harm."""

    @pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/../evil", "a/..", ".."])
    def test_traversal(self, apply: Apply, name: str, tmp_path: Path) -> None:
        """An entry's path never goes up."""
        with pytest.raises(ImageError, match="outside the image"):
            apply({name: b"x"})
        assert not list(tmp_path.rglob("evil"))

    @pytest.mark.parametrize("target", ["/tmp", "../../../../../../../../../../tmp", "/proc/self/root/tmp"])
    def test_link_outside(self, apply: Apply, target: str) -> None:
        """A link that leads out of the image leads to a place inside it."""
        evil = f"evil-{os.getpid()}"
        view = apply([("l", target), (f"l/{evil}", b"x")])
        assert not (Path("/tmp") / evil).exists()
        assert view.read(f"/l/{evil}") == b"x"

    def test_hard_link_outside(self, apply: Apply) -> None:
        """A hard link never joins a file of the machine."""
        for target in ("/etc/passwd", "etc/passwd"):
            with pytest.raises(ImageError, match="hard link to what is no file"):
                apply({"p": {"type": HARD, "linkname": target}})
        with pytest.raises(ImageError, match="outside the image"):
            apply({"p": {"type": HARD, "linkname": "../../etc/passwd"}})

    def test_hard_link_through_link(self, apply: Apply) -> None:
        """A hard link through a link stays inside the image, and joins the link itself at the end."""
        with pytest.raises(ImageError, match="hard link to what is no file"):
            apply([("e", "/etc"), ("p", {"type": HARD, "linkname": "e/passwd"})])
        view = apply([("s", "/etc/passwd"), ("p", {"type": HARD, "linkname": "s"})])
        assert view.stat("/p", follow=False).target == "/etc/passwd"

    def test_write_through_file_link(self, apply: Apply, tmp_path: Path) -> None:
        """A file in the place of a link replaces the link, not what it leads to."""
        victim = tmp_path / "victim"
        victim.write_text("safe")
        assert apply([("l", str(victim)), ("l", b"evil")]).read("/l") == b"evil"
        assert victim.read_text() == "safe"

    def test_link_circle(self, apply: Apply) -> None:
        """Links in a circle end in one line."""
        with pytest.raises(ImageError, match="in a circle"):
            apply([("a", "b"), ("b", "a"), ("a/x", b"1")])

    def test_devices(self, apply: Apply) -> None:
        """Devices are left out, also the one that overlayfs takes for a whiteout."""
        view = apply(
            {"dev/": None, "f": b"1"},
            {
                "dev/sda": {"type": tarfile.BLKTYPE, "devmajor": 8},
                "f": {"type": CHAR, "devmajor": 0, "devminor": 0},
            },
        )
        assert names(view) == ["dev", "f"]

    def test_below_a_file(self, apply: Apply) -> None:
        """An entry below a file is refused."""
        with pytest.raises(ImageError, match="below '/f', which is no directory"):
            apply({"f": b"1"}, {"f/x": b"2"})

    @pytest.mark.parametrize("name", [".wh.", "d/.wh..", "d/.wh..."])
    def test_bad_whiteouts(self, apply: Apply, name: str) -> None:
        """A whiteout must name an entry of its directory."""
        with pytest.raises(ImageError, match="whiteout without a name"):
            apply({"d/": None}, {name: b""})

    def test_long_name(self, apply: Apply) -> None:
        """A name that no file system takes ends in one line."""
        with pytest.raises(StoreError, match="file name too long"):
            apply({"n" * 300: b"1"})

    def test_owner_out_of_range(self, apply: Apply) -> None:
        """An owner that no system has ends in one line."""
        with pytest.raises((ImageError, StoreError), match="cannot"):
            apply({"f": {"content": b"", "uid": 2**40}})

    @pytest.mark.parametrize("cut", [10, 600, 1300])
    def test_cut_off(self, apply: Apply, make_archive: MakeArchive, tmp_path: Path, cut: int) -> None:
        """An archive that ends early is refused."""
        place = tmp_path / "cut"
        place.write_bytes(make_archive({"a": b"x" * 1000}).read_bytes()[:cut])
        with pytest.raises(ImageError):
            apply(place)

    @pytest.mark.parametrize("compression", ["gzip", "zstd"])
    def test_damaged(self, apply: Apply, make_archive: MakeArchive, compression: str, tmp_path: Path) -> None:
        """Damaged compression is refused in one line."""
        data = bytearray(make_archive({"a": os.urandom(100_000)}, compression).read_bytes())
        data[50_000:50_100] = bytes(100)
        data = data[:90_000]
        (tmp_path / "damaged").write_bytes(data)
        with pytest.raises(ImageError) as caught:
            apply(tmp_path / "damaged")
        assert "\n" not in str(caught.value)

    def test_bomb(self) -> None:
        """An archive that grows beyond all measure is given up early."""
        stream = open_layer(io.BytesIO(gzip.compress(bytes(1 << 20))), 100)
        stream._largest = 1 << 18
        with pytest.raises(ImageError, match="far more than its archive's size"):
            stream.digest()

    def test_huge_header(self, apply: Apply, tmp_path: Path) -> None:
        """A header that would fill the memory is refused."""
        info = tarfile.TarInfo("x")
        info.type, info.size = tarfile.XHDTYPE, 1 << 33
        (tmp_path / "huge").write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(4096))
        with pytest.raises(ImageError, match="header of more than 16 MiB"):
            apply(tmp_path / "huge")

    def test_nothing_remains(self, store: Store, make_archive: MakeArchive) -> None:
        """A layer that is refused leaves nothing in the store."""
        with pytest.raises(ImageError), store.layers.stage() as staged:
            unpack(make_archive([("ok", b"1"), ("../evil", b"2")]), staged, Union([]))
        assert not list((store.root / "layers").iterdir())


def test_against_the_kernel(apply: Apply) -> None:
    """The overlay that the kernel mounts shows what the view shows (skipped where mounting is not allowed)."""
    view = apply(
        {"d/": None, "d/old": b"1", "e/": None, "e/x": b"1", "usr/lib/": None, "lib": "usr/lib"},
        [(".wh.d", b""), ("d/", None), ("d/new", b"2"), ("e/.wh..wh..opq", b""), ("lib/b", b"3")],
    )
    lowers = ":".join(reversed(view.paths))
    script = f"mount -t overlay overlay -o lowerdir={lowers} /mnt && cd /mnt && find . -mindepth 1 | sed s,^./,, | sort"
    done: Any = subprocess.run(["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no overlay can be mounted here: {done.stderr}")
    assert done.stdout.split() == sorted(names(view))
