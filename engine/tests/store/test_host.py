"""Importing files of the host."""

from __future__ import annotations

import os
import random
import shutil
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from embedded_engine.store import HostTrees, Manifest, Patterns, Store, StoreError, Tree
from embedded_engine.store import host as host_module
from embedded_engine.store.files import remove_tree
from embedded_engine.store.index import ImportIndex
from embedded_engine.store.seal import read_seal, seal_of

LONG_AGO = 1_000_000_000


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A directory as projects have them."""
    root = tmp_path / "project"
    for path in ("src/app.py", "src/pkg/mod.py", "tests/test_app.py", ".venv/lib/x.py", "README.md"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)
    (root / "link").symlink_to("src/app.py")
    return root


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """A world in which no change is too young to be trusted."""
    monkeypatch.setattr(host_module, "_RACY_NS", -(10**12))


def listing(store: Store, tree: Tree) -> dict[str, tuple[str, int, str]]:
    view = store.layers.union(tree)
    return {
        path: (str(node.kind), node.mode, node.target if node.kind == "symlink" else _text(node.real))
        for path, node in view.walk()
    }


def on_host(root: Path) -> dict[str, tuple[str, int, str]]:
    found = {}
    for place in root.rglob("*"):
        mode = stat.S_IMODE(place.lstat().st_mode)
        path = str(place.relative_to(root))
        if place.is_symlink():
            found[path] = ("symlink", mode, str(place.readlink()))
        else:
            found[path] = ("dir" if place.is_dir() else "file", mode, _text(place))
    return found


def _text(place: Path) -> str:
    return place.read_text() if place.is_file() else ""


def test_an_import_is_the_directory(store: Store, project: Path) -> None:
    """Contents, modes and links are those of the host, the owner is 0:0, times are kept, and the manifest agrees."""
    (project / "src/app.py").chmod(0o750)
    os.utime(project / "README.md", (LONG_AGO, LONG_AGO))
    shutil.chown(project / "README.md", 12, 34)
    tree, manifest = store.hosts.import_tree(project)
    assert listing(store, tree) == on_host(project)
    view = store.layers.union(tree)
    assert {(node.uid, node.gid) for _, node in view.walk()} == {(0, 0)}
    assert view.stat("/README.md").mtime_ns == LONG_AGO * 10**9
    assert Manifest.of(view) == manifest
    assert Manifest.of(view).digest == manifest.digest


def test_patterns_choose_what_is_imported(store: Store, project: Path) -> None:
    """An import with patterns is the whole one, filtered; what cannot hold anything of it is not even read."""
    (project / ".venv").chmod(0)
    patterns = Patterns(include=("src", "**/*.md"), exclude=("**/pkg",))
    tree, manifest = store.hosts.import_tree(project, patterns)
    assert list(listing(store, tree)) == ["README.md", "src", "src/app.py"]
    assert manifest == store.hosts.import_tree(project)[1].filter(patterns)


def test_nothing_changed_is_seen_at_a_glance(store: Store, project: Path, settled: None) -> None:
    """A second import gives the same tree and reads no file."""
    first = store.hosts.import_tree(project)
    secret = store.layers.path(first[0].layers[0]) / "README.md"
    secret.write_text("changed in the store to see that it is not written again")
    assert store.hosts.import_tree(project) == first


def test_one_edit_costs_one_file(store: Store, project: Path, settled: None) -> None:
    """After an edit the tree has one more layer, with that file and its directory only."""
    first, _ = store.hosts.import_tree(project)
    (project / "src/pkg/mod.py").write_text("edited")
    second, manifest = store.hosts.import_tree(project)
    assert second.layers[0] == first.layers[0]
    top = store.layers.path(second.layers[1])
    assert [str(path.relative_to(top)) for path in sorted(top.rglob("*"))] == ["src", "src/pkg", "src/pkg/mod.py"]
    assert listing(store, second) == on_host(project)
    assert Manifest.of(store.layers.union(second)) == manifest


def test_a_touched_file_changes_nothing(store: Store, project: Path, settled: None) -> None:
    """A new time alone gives the tree that was there before."""
    first = store.hosts.import_tree(project)
    os.utime(project / "README.md", (LONG_AGO, LONG_AGO))
    assert store.hosts.import_tree(project) == first


def test_an_edit_in_the_same_moment_is_seen(store: Store, project: Path) -> None:
    """A file that is changed right after it was read, keeping length and modification time, is read again."""
    os.utime(project / "README.md", (LONG_AGO, LONG_AGO))
    store.hosts.import_tree(project)
    with (project / "README.md").open("r+") as file:
        file.write("X")
    os.utime(project / "README.md", (LONG_AGO, LONG_AGO))
    tree, _ = store.hosts.import_tree(project)
    assert store.layers.union(tree).read("/README.md") == b"XEADME.md"


def test_young_files_stay_suspect_until_they_are_old(store: Store, project: Path) -> None:
    """What changed less than two seconds before it was read is noted as such."""
    store.hosts.import_tree(project)
    (index,) = [ImportIndex.load(path) for path in (store.root / "hosts").iterdir()]
    assert index is not None
    assert {index.paths[place] for place in index.racy} >= {"README.md", "src/app.py", "link"}


def test_writing_in_place_does_not_reach_the_store(store: Store, project: Path) -> None:
    """An editor that writes into the file, as opposed to beside it, leaves the import alone."""
    tree, _ = store.hosts.import_tree(project)
    with (project / "README.md").open("r+") as file:
        file.write("overwritten")
    assert store.layers.union(tree).read("/README.md") == b"README.md"


@pytest.mark.parametrize("seed", range(8))
def test_any_series_of_edits_is_followed(store: Store, tmp_path: Path, seed: int, settled: None) -> None:
    """After each round of random changes the import is what a first import would be; its layers are sealed as they are."""
    chance = random.Random(seed)
    root = tmp_path / "project"
    root.mkdir()
    for _ in range(8):
        for _ in range(chance.randint(1, 30)):
            _edit(chance, root)
        tree, manifest = store.hosts.import_tree(root)
        assert listing(store, tree) == on_host(root)
        assert Manifest.of(store.layers.union(tree)) == manifest
        assert len(tree.layers) <= 2
    store.layers.sealer.close()
    for home in store.layers.root.iterdir():
        assert read_seal(home) == seal_of(home / "fs")


def _edit(chance: random.Random, root: Path) -> None:
    place = root.joinpath(*(chance.choice("abcdefgh") for _ in range(chance.randint(1, 3))))
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.parent.resolve(strict=True).is_relative_to(root):
            return
    except OSError:
        return
    action = chance.random()
    if action < 0.25:
        remove_tree(place)
    elif action < 0.35 and os.path.lexists(place) and not place.is_symlink():
        place.chmod(chance.choice([0o600, 0o644, 0o755]))
    elif action < 0.5:
        remove_tree(place)
        place.symlink_to(chance.choice(["a", "../b", "/nowhere"]))
    elif action < 0.6:
        remove_tree(place)
        place.mkdir()
    elif not place.is_dir():
        remove_tree(place)
        place.write_text(str(chance.random()))


def test_many_changes_make_a_new_whole_layer(store: Store, tmp_path: Path, settled: None) -> None:
    """When the layer of changes grows large, everything goes into one again, what is unchanged by hard link."""
    root = tmp_path / "project"
    root.mkdir()
    for number in range(300):
        (root / str(number)).write_text(str(number))
    first, _ = store.hosts.import_tree(root)
    for number in range(200):
        (root / str(number)).write_text(f"new {number}")
    second, _ = store.hosts.import_tree(root)
    assert len(second.layers) == 1
    assert second != first
    old, new = (store.layers.union(tree).stat("/299").status.st_ino for tree in (first, second))
    assert old == new
    assert listing(store, second) == on_host(root)


def test_special_files_are_left_out(store: Store, project: Path) -> None:
    """Pipes, sockets and devices are not imported, as on Dagger."""
    os.mkfifo(project / "fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(project / "socket"))
    tree, _ = store.hosts.import_tree(project)
    assert not {"fifo", "socket"} & set(listing(store, tree))


def test_links_stay_links_wherever_they_lead(store: Store, project: Path) -> None:
    """A link that leads out, or nowhere, is imported as it is and nothing of its target."""
    (project / "out").symlink_to("/etc")
    (project / "dangling").symlink_to("nowhere")
    view = store.layers.union(store.hosts.import_tree(project)[0])
    assert view.stat("/out", follow=False).target == "/etc"
    assert not view.exists("/out")
    assert view.stat("/dangling", follow=False).target == "nowhere"


def test_one_file_can_be_imported(store: Store, project: Path, settled: None) -> None:
    """A file is imported under its own name, through a link too, without looking at its neighbours."""
    tree, manifest = store.hosts.import_file(project / "link")
    assert list(manifest) == ["", "link"]
    assert store.layers.union(tree).read("/link") == b"src/app.py"
    (project / "src/app.py").write_text("edited")
    again, other = store.hosts.import_file(project / "link")
    assert store.layers.union(again).read("/link") == b"edited"
    assert other.digest != manifest.digest


def test_what_is_not_there_is_one_clear_line(store: Store, project: Path) -> None:
    """A missing directory, a file in its place and a directory in place of a file are named."""
    with pytest.raises(StoreError, match=r"^lstat .*/none: no such file or directory$"):
        store.hosts.import_tree(project / "none")
    with pytest.raises(StoreError, match=r"README\.md is not a directory"):
        store.hosts.import_tree(project / "README.md")
    with pytest.raises(StoreError, match="src is not a file"):
        store.hosts.import_file(project / "src")
    assert store.hosts.import_tree(project)[1].select("/README.md")


def test_what_cannot_be_read_is_one_clear_line(store: Store, project: Path) -> None:
    """A file without permission names itself and what to do; excluded, it is no hindrance."""
    (project / "README.md").chmod(0)
    program = (
        "import sys; from pathlib import Path; from embedded_engine.store import *\n"
        "with Store.open(Path(sys.argv[1])) as store:\n"
        "    store.hosts.import_tree(Path(sys.argv[2]), Patterns(exclude=('README.md',)))\n"
        "    try: store.hosts.import_tree(Path(sys.argv[2]))\n"
        "    except StoreError as error: print(error)\n"
    )
    # Root reads everything, unless it gives that up.
    give_up = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    command = [*give_up, sys.executable, "-c", program, str(store.root), str(project)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout == f"no permission to read {project}/README.md: exclude it, or let this user read it\n"


def test_files_that_change_while_they_are_read(store: Store, project: Path) -> None:
    """Under a busy writer an import gives one state of each file, or says that it keeps changing."""
    stop = threading.Event()
    busy = project / "busy"
    busy.write_bytes(b"a" * 4_000_000)

    def write() -> None:
        letter = 0
        while not stop.is_set():
            letter = (letter + 1) % 26
            (project / "beside").write_bytes(bytes([97 + letter]) * 4_000_000)
            (project / "beside").replace(busy)
            (project / f"coming-and-going-{letter % 3}").touch()
            (project / f"coming-and-going-{(letter + 1) % 3}").unlink(missing_ok=True)
            time.sleep(0.002)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(10):
            try:
                tree, manifest = store.hosts.import_tree(project)
            except StoreError as error:
                assert "while" in str(error)  # noqa: PT017 - either outcome is right
                continue
            view = store.layers.union(tree)
            assert len(set(view.read("/busy"))) == 1
            assert Manifest.of(view) == manifest
    finally:
        stop.set()
        writer.join()


def test_a_damaged_index_is_no_index(store: Store, project: Path, settled: None) -> None:
    """A torn or changed index, or one whose layer is gone, means reading again and nothing else."""
    _, manifest = store.hosts.import_tree(project)
    (index,) = (store.root / "hosts").iterdir()
    whole = index.read_bytes()
    for damaged in (b"", whole[:-1], whole[: len(whole) // 2], b"{}\n", whole.replace(b"README", b"REDAME")):
        index.write_bytes(damaged)
        assert store.hosts.import_tree(project)[1] == manifest
    (index,) = (store.root / "hosts").iterdir()
    tree, _ = store.hosts.import_tree(project)
    store.layers.sealer.close()
    remove_tree(store.layers.home(tree.layers[0]))
    with Store.open(store.root) as other:
        again, same = other.hosts.import_tree(project)
        assert same == manifest
        assert listing(other, again) == on_host(project)


def test_two_sessions_import_at_once(store: Store, project: Path) -> None:
    """Several processes that import the same directory agree."""
    program = (
        "import sys; from pathlib import Path; from embedded_engine.store import *\n"
        "with Store.open(Path(sys.argv[1])) as store:\n"
        "    tree, manifest = store.hosts.import_tree(Path(sys.argv[2]))\n"
        "    assert Manifest.of(store.layers.union(tree)) == manifest\n"
        "    print(manifest.digest)\n"
    )
    command = [sys.executable, "-c", program, str(store.root), str(project)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    answers = {process.communicate()[0] for process in running}
    assert answers == {f"{store.hosts.import_tree(project)[1].digest}\n"}


def test_imports_of_other_patterns_are_apart(store: Store, project: Path) -> None:
    """The same directory with other patterns is another import."""
    assert isinstance(store.hosts, HostTrees)
    store.hosts.import_tree(project, Patterns(include=("src",)))
    store.hosts.import_tree(project, Patterns(exclude=("src",)))
    assert len(list((store.root / "hosts").iterdir())) == 2
