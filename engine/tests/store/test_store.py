"""Opening a store, sharing it between processes, and what is left when one of them is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from embedded_engine.store import Store, StoreError, default_root
from embedded_engine.store.mounts import filesystem_of, unsuitable

HOLD = """
import sys, time; from pathlib import Path; from embedded_engine.store import *
store = Store.open(Path(sys.argv[1]))
staged = store.layers.stage(); (staged.fs / "half").write_text("half")
with store.lock_blocking("thing"):
    print("ready", flush=True)
    time.sleep(60)
"""
COUNT = """
import sys; from pathlib import Path; from embedded_engine.store import *
with Store.open(Path(sys.argv[1])) as store:
    for _ in range(50):
        with store.lock_blocking("counter"):
            place = Path(sys.argv[2]); place.write_text(str(int(place.read_text()) + 1))
"""


def holder(store: Store) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(store.root)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_a_killed_session_leaves_nothing(store: Store) -> None:
    """After kill -9 its lock is free at once, and the next session removes what it had staged."""
    process = holder(store)
    stagings = store.root / "staging"
    assert len(list(stagings.iterdir())) == 2
    with Store.open(store.root):
        assert len(list(stagings.iterdir())) == 3, "what a living session has staged is left alone"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    with store.lock_blocking("thing"):
        pass
    with Store.open(store.root):
        assert len(list(stagings.iterdir())) == 2


async def test_waiting_for_a_lock_blocks_nobody(store: Store) -> None:
    """While another process has the lock the loop goes on, other locks are free, and waiting can be given up."""
    process = holder(store)
    async with store.lock("other"):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1), store.lock("thing"):
                pass
    process.kill()
    process.communicate()
    async with asyncio.timeout(60), store.lock("thing"):
        pass
    assert list((store.root / "locks").iterdir()) == []


async def test_tasks_take_turns(store: Store) -> None:
    """The same lock is exclusive between tasks of one process, too."""
    inside = 0

    async def work() -> None:
        nonlocal inside
        async with store.lock("x"):
            inside += 1
            assert inside == 1
            await asyncio.sleep(0.005)
            inside -= 1

    await asyncio.gather(*(work() for _ in range(10)))


def test_processes_take_turns(store: Store, tmp_path: Path) -> None:
    """Four processes that count under a lock lose no count."""
    counter = tmp_path / "counter"
    counter.write_text("0")
    command = [sys.executable, "-c", COUNT, str(store.root), str(counter)]
    running = [subprocess.Popen(command) for _ in range(4)]
    assert [process.wait() for process in running] == [0] * 4
    assert counter.read_text() == "200"


async def test_shared_locks_are_shared(store: Store) -> None:
    """Readers hold a lock together, a writer waits for all of them."""
    async with store.locks.lock("x", shared=True), store.locks.lock("x", shared=True):
        assert store.locks.try_lock("x") is None
    held = store.locks.try_lock("x")
    assert held is not None
    store.locks.unlock("x", held)


def test_another_layout_is_refused(tmp_path: Path) -> None:
    """A store of another version is not touched."""
    (tmp_path / "version").write_text("999")
    with pytest.raises(StoreError, match=r"has layout 999, this engine needs 1"):
        Store.open(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["version"]


def test_closing_twice_is_harmless(tmp_path: Path) -> None:
    """close() may be called again, and removes scratch directories."""
    store = Store.open(tmp_path / "store")
    scratch = store.scratch()
    (scratch / "x").touch()
    store.close()
    store.close()
    assert list((tmp_path / "store" / "staging").iterdir()) == []


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"CI_ENGINE_STORE": "/big/disk", "XDG_CACHE_HOME": "/x"}, "/big/disk"),
        ({"XDG_CACHE_HOME": "/x"}, "/x/ci-engine"),
        ({"XDG_CACHE_HOME": "relative"}, "/home/me/.cache/ci-engine"),
        ({}, "/home/me/.cache/ci-engine"),
    ],
    ids=["the engine's own variable wins", "the user's cache", "a relative cache is none", "nothing set"],
)
def test_where_the_store_is(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: str) -> None:
    """The place comes from the environment, as other caches do."""
    for name in ("CI_ENGINE_STORE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "/home/me", **environment}.items():
        monkeypatch.setenv(name, value)
    assert str(default_root()) == expected


def test_a_user_without_home_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no home directory can be found the variable to set is named."""
    monkeypatch.setenv("CI_ENGINE_STORE", "~nobody-has-this-name/store")
    with pytest.raises(StoreError, match="no home directory: set CI_ENGINE_STORE"):
        default_root()


def test_file_systems_are_told(tmp_path: Path) -> None:
    """What /proc is on is known, and a disk is suitable."""
    assert filesystem_of(Path("/proc")) == "proc"
    assert unsuitable(tmp_path) is None


def test_an_overlay_cannot_hold_the_store(judge: object, tmp_path: Path) -> None:
    """On overlayfs, as inside a container, opening says so in one line."""
    if os.geteuid() != 0:
        pytest.skip("mounting an overlay takes root")
    for part in ("lower", "upper", "work", "merged"):
        (tmp_path / part).mkdir()
    program = (
        "import sys; from pathlib import Path; from embedded_engine.store import *\n"
        "try: Store.open(Path(sys.argv[1]) / 'merged' / 'store')\n"
        "except StoreError as error: print(error)\n"
    )
    script = (
        'mount -t overlay overlay -o "lowerdir=$1/lower,upperdir=$1/upper,workdir=$1/work" "$1/merged"\n'
        'exec "$2" -c "$3" "$1"\n'
    )
    command = ["unshare", "--mount", "sh", "-ec", script, "sh", str(tmp_path), sys.executable, program]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout == (
        f"the store cannot be at {tmp_path}/merged/store: it is on overlayfs, which cannot hold the layers of "
        "another overlay; set CI_ENGINE_STORE to a directory on a disk\n"
    )


def after_a_boot(store: Store) -> Store:
    """The store as the first session after another boot finds it."""
    (store.root / "boot").write_text('{"boot": "another", "since_ns": 0}')
    return Store.open(store.root)


def test_what_a_crash_has_torn_is_absent(store: Store) -> None:
    """A layer or blob whose content did not reach the disk is not believed after a boot, and goes away."""
    with store.layers.stage() as staged:
        (staged.fs / "f").write_text("content")
        torn = staged.commit()
    whole = store.layers.stage().commit()
    blob = store.blobs.put(b"torn")
    (store.layers.path(torn) / "f").write_text("")
    store.blobs.path(blob).write_bytes(b"")
    store.results.put("torn", {}, [torn])
    store.results.put("whole", {}, [whole])
    with after_a_boot(store) as opened:
        assert opened.results.get("torn") is None
        assert opened.results.get("whole") == {}
        assert not opened.layers.home(torn).exists()
        assert not opened.blobs.has(blob)
        assert not opened.blobs.path(blob).exists()


def test_what_was_found_whole_is_not_looked_at_again(store: Store) -> None:
    """Each layer and blob is held to its summary once, not after every boot."""
    with store.layers.stage() as staged:
        (staged.fs / "f").write_text("content")
        layer = staged.commit()
    blob = store.blobs.put(b"content")
    for _ in range(2):
        with after_a_boot(store) as opened:
            assert opened.layers.has(layer)
            assert opened.blobs.has(blob)
        # Nobody changes a layer: this only shows that nobody looks.
        (store.layers.path(layer) / "f").write_text("")


def test_within_a_boot_nothing_is_looked_at(store: Store) -> None:
    """A second session of the same boot trusts what the first one wrote."""
    with store.layers.stage() as staged:
        (staged.fs / "f").write_text("content")
        layer = staged.commit()
    (store.layers.path(layer) / "f").write_text("")
    with Store.open(store.root) as other:
        assert other.layers.has(layer)
