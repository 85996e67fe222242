"""The store of one user on one disk: layers, results, blobs, volumes and imports, shared by several sessions at once."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from pathlib import Path
from types import TracebackType

from embedded_engine.store.blobs import BlobStore
from embedded_engine.store.errors import StoreError, storage_errors
from embedded_engine.store.files import remove_tree
from embedded_engine.store.host import HostTrees
from embedded_engine.store.integrity import Integrity, first_open_of_boot
from embedded_engine.store.layers import LayerStore
from embedded_engine.store.locks import Locks
from embedded_engine.store.mounts import unsuitable
from embedded_engine.store.results import ResultStore
from embedded_engine.store.volumes import Volumes

VERSION = "1"
PARTS = ("layers", "results", "blobs", "volumes", "hosts", "locks", "staging", "trash")


def default_root() -> Path:
    """`CI_ENGINE_STORE`, else `ci-engine` in the user's cache directory."""
    cache = os.environ.get("XDG_CACHE_HOME", "")
    try:
        if chosen := os.environ.get("CI_ENGINE_STORE"):
            return Path(chosen).expanduser().absolute()
        return (Path(cache) if cache.startswith("/") else Path.home() / ".cache") / "ci-engine"
    except RuntimeError:
        raise StoreError("this user has no home directory: set CI_ENGINE_STORE to where the store may be") from None


class Store:
    """An open store. While it is open nothing that it refers to is removed."""

    def __init__(
        self, root: Path, *, rootless: bool, integrity: Integrity, in_use: int, session: Path, session_lock: int
    ) -> None:
        """Use `open`."""
        self.root = root
        self.rootless = rootless
        self._in_use = in_use
        self._session = session
        self._session_lock = session_lock
        self.layers = LayerStore(root / "layers", session, rootless=rootless, integrity=integrity)
        self.results = ResultStore(root / "results", self.layers)
        self.blobs = BlobStore(root / "blobs", integrity)
        self.locks = Locks(root / "locks")
        self.volumes = Volumes(root / "volumes", self.locks)
        self.hosts = HostTrees(root / "hosts", self.layers, self.locks)

    @classmethod
    def open(cls, root: Path | None = None, *, rootless: bool = False) -> Store:
        """Open the store at `root`, made if need be; what dead sessions left half-done is swept away."""
        root = (root or default_root()).absolute()
        with storage_errors(f"open the store {root}"):
            _lay_out(root, rootless=rootless)
            in_use = _flock(root / "in-use", fcntl.LOCK_SH)
            try:
                with _held(root / "opening"):
                    integrity = first_open_of_boot(root)
                    session = root / "staging" / f"{os.getpid()}-{secrets.token_hex(4)}"
                    session.mkdir()
                    session_lock = _flock(session / "lock", fcntl.LOCK_EX)
                    _sweep(root, session)
            except BaseException:
                os.close(in_use)
                raise
        return cls(
            root, rootless=rootless, integrity=integrity, in_use=in_use, session=session, session_lock=session_lock
        )

    def lock(self, name: str) -> AbstractAsyncContextManager[None]:
        """Hold the lock of the object `name` while it is produced, against every session and task."""
        return self.locks.lock(name)

    def lock_blocking(self, name: str) -> AbstractContextManager[None]:
        """`lock` for code that runs in a thread."""
        return self.locks.lock_blocking(name)

    def scratch(self) -> Path:
        """A fresh directory on the store's disk, removed at the latest when the store is next opened."""
        place = self._session / f"scratch-{secrets.token_hex(6)}"
        with storage_errors("make a directory"):
            place.mkdir()
        return place

    def close(self) -> None:
        """Let go of the store. What was staged and not committed is removed."""
        if self._session_lock < 0:
            return
        self.layers.sealer.close()
        with contextlib.suppress(OSError):
            remove_tree(self._session)
        os.close(self._session_lock)
        os.close(self._in_use)
        self._session_lock = self._in_use = -1

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def is_store(root: Path, *, rootless: bool) -> bool:
    """Whether a store is at `root`. Raises `StoreError` for one of another layout, or of another kind of user."""
    try:
        found = (root / "version").read_text().strip()
    except FileNotFoundError:
        return False
    if found == _version(rootless=rootless):
        return True
    if found.partition(" ")[0] == VERSION:
        maker = "root" if rootless else "an ordinary user"
        raise StoreError(
            f"the store {root} is of {maker}, whose files have other owners: set CI_ENGINE_STORE to another directory"
        )
    raise StoreError(
        f"the store {root} has layout {found}, this engine needs {VERSION}: remove it or set CI_ENGINE_STORE"
    )


def _version(*, rootless: bool) -> str:
    return f"{VERSION} rootless" if rootless else VERSION


def _lay_out(root: Path, *, rootless: bool) -> None:
    """Make the directories, or see that they are of this version, and of the same kind of user."""
    if is_store(root, rootless=rootless):
        return
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    reason = unsuitable(root)
    if reason is not None:
        raise StoreError(f"the store cannot be at {root}: {reason}; set CI_ENGINE_STORE to a directory on a disk")
    for part in PARTS:
        (root / part).mkdir(exist_ok=True)
    (root / "version").write_text(f"{_version(rootless=rootless)}\n")


def _sweep(root: Path, own: Path) -> None:
    """Remove the stagings of sessions that have ended without closing the store, and what waits in the trash."""
    for session in (root / "staging").iterdir():
        if session == own:
            continue
        try:
            lock = _flock(session / "lock", fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, NotADirectoryError):
            continue
        except FileNotFoundError:
            remove_tree(session)
            continue
        try:
            remove_tree(session)
        finally:
            os.close(lock)
    for leftover in (root / "trash").iterdir():
        remove_tree(leftover)


def _flock(path: Path, operation: int) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, operation)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


@contextlib.contextmanager
def _held(path: Path) -> Iterator[None]:
    descriptor = _flock(path, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(descriptor)
