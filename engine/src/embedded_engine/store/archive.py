"""A whole store as one file, so that it outlives a machine that does not: CI's own cache keeps files, not stores.

The file is a tar archive compressed by zstd. It holds what any machine can use: layers, results, blobs, volumes,
schemas. It does not hold imports of host trees, whose index is of this disk's inodes, nor the key that digests of
secrets are made with, which is this machine's own: what used a secret runs again elsewhere.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from embedded_engine.store.errors import StoreError, explain, storage_errors
from embedded_engine.store.files import remove_tree
from embedded_engine.store.layers import LayerStore
from embedded_engine.store.prune import Report, prune
from embedded_engine.store.results import ResultStore
from embedded_engine.store.store import PARTS, VERSION

_SAVED: Final = ("version", "results", "blobs", "volumes", "schema-*")
_USED: Final = "used.json"
_CLOCKS: Final = ("results/*/*", "volumes/*/key")
"""What remembers by its access time when it was last used."""

_TAR: Final = ("env", "LC_ALL=C.UTF-8", "tar", "--numeric-owner", "--xattrs", "--xattrs-include=*")
_STEP: Final = 1 << 20


def save(store_root: Path, archive: Path, keep_bytes: int) -> Report:
    """Write the store to `archive`, after pruning it to `keep_bytes`; the file appears whole or not at all.

    Raises `StoreError` when there is no store, or while a session uses it.
    """
    if not (store_root / "version").exists():
        raise StoreError(f"there is no store at {store_root}: nothing to save")
    report = prune(store_root, keep_bytes)
    beside = archive.with_name(f".{archive.name}.{secrets.token_hex(4)}.new")
    with storage_errors(f"save the store to {archive}"), _alone(store_root):
        try:
            (store_root / _USED).write_text(json.dumps(_clocks(store_root)))
            with beside.open("xb") as file:
                _pack(store_root, file)
            beside.rename(archive)
        finally:
            beside.unlink(missing_ok=True)
            (store_root / _USED).unlink(missing_ok=True)
    return report


def restore(store_root: Path, archive: Path) -> None:
    """Make the store that `archive` holds, where none is yet; on any error there is none afterwards either.

    Raises `StoreError` when the archive is missing, damaged or of another engine, and when a store is there already.
    """
    with storage_errors(f"restore the store {store_root}"):
        if (store_root / "version").exists():
            raise StoreError(f"a store is at {store_root} already: restore into an empty place, or remove it first")
        with _opened(archive) as file:
            store_root.parent.mkdir(parents=True, exist_ok=True)
            beside = store_root.with_name(f".{store_root.name}.{secrets.token_hex(4)}.restored")
            beside.mkdir(mode=0o700)
            try:
                _unpack(file, beside, archive)
                _wind(beside)
                for part in PARTS:
                    (beside / part).mkdir(exist_ok=True)
                with contextlib.suppress(FileNotFoundError):
                    store_root.rmdir()
                beside.rename(store_root)
            except BaseException:
                remove_tree(beside)
                raise


@contextlib.contextmanager
def _alone(store_root: Path) -> Iterator[None]:
    with (store_root / "in-use").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreError(f"the store {store_root} is in use: save it when no session runs") from None
        yield


@contextlib.contextmanager
def _opened(archive: Path) -> Iterator[IO[bytes]]:
    try:
        file = archive.open("rb")
    except FileNotFoundError:
        raise StoreError(f"there is no saved store at {archive}") from None
    with file:
        yield file


def _clocks(store_root: Path) -> dict[str, int]:
    paths = (path for pattern in _CLOCKS for path in store_root.glob(pattern) if path.is_file())
    return {str(path.relative_to(store_root)): path.stat().st_atime_ns for path in paths}


def _wind(store_root: Path) -> None:
    """Set the access times as they were, so that a prune removes what really was used longest ago."""
    note = store_root / _USED
    for name, used_ns in json.loads(note.read_bytes()).items():
        path = store_root / name
        os.utime(path, ns=(used_ns, path.stat().st_mtime_ns))
    note.unlink()


def _pack(store_root: Path, file: IO[bytes]) -> None:
    import zstandard

    compressor = zstandard.ZstdCompressor(level=3, threads=-1, write_checksum=True)
    with tempfile.NamedTemporaryFile() as names:
        names.write(b"".join(os.fsencode(name) + b"\0" for name in _contents(store_root)))
        names.flush()
        command = [
            *_program(),
            "--create",
            "--sparse",
            f"--directory={store_root}",
            "--null",
            f"--files-from={names.name}",
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as tar:
            if tar.stdout is None or tar.stderr is None:
                raise AssertionError("both are pipes")
            compressor.copy_stream(tar.stdout, file, read_size=_STEP)
            complaint = tar.stderr.read()
    if tar.returncode:
        raise StoreError(f"cannot save the store: {_why(complaint)}")


def _contents(store_root: Path) -> Iterator[str]:
    """What is saved; of the layers those that a result needs, because imports are made anew."""
    yield _USED
    for part in _SAVED:
        yield from (path.name for path in store_root.glob(part))
    layers = LayerStore(store_root / "layers", store_root / "staging")
    needed = {layer for record in ResultStore(store_root / "results", layers).records() for layer in record.layers}
    yield from (f"layers/{layer}" for layer in sorted(needed) if layers.home(layer).exists())


def _unpack(file: IO[bytes], target: Path, archive: Path) -> None:
    import zstandard

    damaged = StoreError(f"{archive} is no whole saved store: nothing was restored")
    command = [*_program(), "--extract", "--preserve-permissions", "--same-owner", f"--directory={target}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as tar:
        if tar.stdin is None or tar.stderr is None:
            raise AssertionError("both are pipes")
        try:
            with contextlib.closing(tar.stdin) as pipe:
                zstandard.ZstdDecompressor().copy_stream(file, pipe, write_size=_STEP)
        except zstandard.ZstdError:
            tar.kill()
            raise damaged from None
        except BrokenPipeError:
            pass  # tar has given up, and says why
        complaint = tar.stderr.read()
    if tar.returncode:
        raise StoreError(f"cannot restore {archive}: {_why(complaint)}")
    try:
        version = (target / "version").read_text().split()[0]
        whole = (target / _USED).exists()
    except (OSError, IndexError):
        raise damaged from None
    if version != VERSION:
        raise StoreError(f"{archive} has layout {version}, this engine needs {VERSION}: nothing was restored")
    if not whole:
        raise damaged


def _program() -> tuple[str, ...]:
    if shutil.which("tar") is None:
        raise StoreError("there is no tar: install it (apt-get install tar)")
    return _TAR


def _why(complaint: bytes) -> str:
    said = complaint.decode(errors="replace").strip()
    if os.strerror(errno.ENOSPC) in said:
        return explain(OSError(errno.ENOSPC, ""))
    return said.splitlines()[0] if said else "tar failed and did not say why"
