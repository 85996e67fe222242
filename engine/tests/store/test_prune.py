"""Keeping the store small."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from embedded_engine.store import EMPTY, LayerWriter, Report, Store, StoreError, Tree, prune

MEGABYTE = 1 << 20


def layer_of(store: Store, size: int, base: Tree = EMPTY) -> str:
    with store.layers.stage() as staged:
        LayerWriter(store.layers.union(base), staged).write("/f", os.urandom(size))
        return staged.commit()


def age(store: Store, key: str, seconds: int) -> None:
    (record,) = [record for record in store.results.records() if record.key == key]
    os.utime(record.path, ns=(seconds * 10**9, record.path.stat().st_mtime_ns))


def test_a_store_in_use_is_left_alone(store: Store) -> None:
    """While a session has the store open, pruning is refused in one line."""
    with pytest.raises(StoreError, match="is in use: prune it when no other session runs"):
        prune(store.root, 0)


def test_what_nothing_refers_to_goes_first(tmp_path: Path) -> None:
    """Layers and blobs without a result disappear, however much may be kept; the rest stays."""
    root = tmp_path / "store"
    with Store.open(root) as store:
        kept = layer_of(store, MEGABYTE)
        loose = layer_of(store, MEGABYTE)
        output, waste = store.blobs.put(b"output"), store.blobs.put(b"waste")
        store.results.put("step", {"stdout": f"sha256:{output}"}, [kept])
    report = prune(root, 1 << 40)
    assert (report.layers, report.results, report.blobs) == (1, 0, 1)
    assert report.freed_bytes >= MEGABYTE
    with Store.open(root) as store:
        assert store.results.get("step") == {"stdout": f"sha256:{output}"}
        assert (store.blobs.has(output), store.blobs.has(waste)) == (True, False)
        assert not store.layers.has(loose)


def test_the_least_recently_used_goes_until_it_fits(tmp_path: Path) -> None:
    """Results go by their last use; a layer that a younger one needs stays."""
    root = tmp_path / "store"
    with Store.open(root) as store:
        base = layer_of(store, MEGABYTE)
        for number, key in enumerate(["oldest", "middle", "youngest"]):
            store.results.put(key, {}, [base, layer_of(store, 2 * MEGABYTE)])
            age(store, key, 1_700_000_000 + number)
        store.results.get("oldest")
        store.volumes.path("cache")
    report = prune(root, 6 * MEGABYTE)
    assert report.results == 1
    assert report.kept_bytes <= 6 * MEGABYTE
    with Store.open(root) as store:
        found = [key for key in ("oldest", "middle", "youngest") if store.results.get(key) is not None]
        assert found == ["oldest", "youngest"]


def test_files_that_layers_share_are_counted_once(tmp_path: Path) -> None:
    """A copy by hard link takes no room, and removing one of the two frees none."""
    root = tmp_path / "store"
    with Store.open(root) as store:
        first = layer_of(store, 4 * MEGABYTE)
        with store.layers.stage() as staged:
            source = store.layers.union(Tree((first,)))
            LayerWriter(store.layers.union(EMPTY), staged).copy_tree(source, "/", "/copy")
            second = staged.commit()
        store.results.put("second", {}, [second])
    report = prune(root, 1 << 40)
    assert report.layers == 1
    assert report.freed_bytes < MEGABYTE
    assert 4 * MEGABYTE <= report.kept_bytes < 5 * MEGABYTE


def test_everything_can_go(tmp_path: Path) -> None:
    """To zero bytes, results, imports, volumes and their layers all go, and the store works on."""
    root = tmp_path / "store"
    project = tmp_path / "project"
    project.mkdir()
    (project / "f").write_text("x")
    with Store.open(root) as store:
        store.hosts.import_tree(project)
        (store.volumes.path("cache") / "wheel").write_text("x")
        store.results.put("step", {}, [layer_of(store, 10)])
    report = prune(root, 0)
    assert (report.kept_bytes, report.layers, report.results, report.volumes) == (0, 2, 1, 1)
    assert prune(root, 0) == Report(0, 0, 0, 0, 0, 0)
    with Store.open(root) as store:
        tree, _ = store.hosts.import_tree(project)
        assert store.layers.union(tree).read("/f") == b"x"


def test_no_store_is_nothing_to_do(tmp_path: Path) -> None:
    """Where there is no store none is made."""
    assert prune(tmp_path / "none", 0).freed_bytes == 0
    assert not (tmp_path / "none").exists()


def test_a_look_at_the_store_is_no_use_of_it(tmp_path: Path) -> None:
    """Pruning does not make what it leaves younger than what is used afterwards."""
    root = tmp_path / "store"
    with Store.open(root) as store:
        store.results.put("step", {}, [layer_of(store, 1)])
        age(store, "step", 1_700_000_000)
    prune(root, 1 << 40)
    with Store.open(root) as store:
        (record,) = store.results.records()
        assert record.used_ns == 1_700_000_000 * 10**9


def test_what_is_made_again_goes_by_its_last_use(tmp_path: Path) -> None:
    """Environments of modules and mirrors of repositories count, and the one used longest ago goes first."""
    root = tmp_path / "store"
    Store.open(root).close()
    for number, place in enumerate(("environments/old", "git/middle", "environments/young")):
        (root / place / "lib").mkdir(parents=True)
        (root / place / "lib" / "f").write_bytes(os.urandom(MEGABYTE))
        os.utime(root / place, (number, number))
    report = prune(root, MEGABYTE + MEGABYTE // 2)
    assert (report.environments, report.mirrors) == (1, 1)
    assert [path.name for path in root.glob("*/*/lib")] == ["lib"]
    assert (root / "environments" / "young" / "lib" / "f").exists()
