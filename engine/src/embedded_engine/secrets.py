"""Secrets: values that exist in memory at run time, never in the store, in a key or in output."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import os
import re
import secrets as random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from embedded_engine.errors import EngineError
from embedded_engine.store.errors import storage_errors

MASK = b"***"
COMMAND_SECONDS = 60
_KEY_BYTES = 32


class SecretError(EngineError):
    """A secret that cannot be read. The text never holds any part of its value."""


@dataclass(frozen=True)
class Secret:
    """A reference to a secret: by URI (`env:NAME`, `file:PATH`, `cmd:COMMAND`), or by name where a program set it.

    `token` tells two secrets of one name apart: a keyed hash of the value that a program gave. `version` tells a file
    that has changed from what it was.
    """

    name: str
    uri: str = ""
    token: str = ""
    version: str = ""

    @classmethod
    def at(cls, uri: str) -> Secret:
        """The secret at a URI as it is now."""
        path = uri.removeprefix("file:").removeprefix("//")
        if path == uri:
            return cls(uri, uri)
        try:
            status = Path(path).expanduser().stat()
        except OSError:
            return cls(uri, uri)
        return cls(uri, uri, version=f"{status.st_ino}:{status.st_mtime_ns}:{status.st_size}")


class Secrets:
    """The secrets of one session. `key_file` holds this store's random key, made on first use."""

    def __init__(self, key_file: Path) -> None:
        self._key_file = key_file
        self._key: bytes | None = None
        self._set: dict[str, bytes] = {}
        self._read: dict[Secret, bytes] = {}

    def set(self, name: str, value: str) -> Secret:
        """A secret whose value a program gives."""
        token = self._hash(value.encode())
        self._set[token] = value.encode()
        return Secret(name, token=token)

    async def value(self, secret: Secret) -> bytes:
        """The plaintext, read now if it was not read before in this session."""
        if secret.token:
            return self._set[secret.token]
        if secret not in self._read:
            self._read[secret] = await asyncio.to_thread(_read, secret.uri)
        return self._read[secret]

    async def key(self, secret: Secret) -> str:
        """What stands for the value in a key: nothing can be read from it, and another value has another one."""
        return secret.token or self._hash(await self.value(secret))

    def _hash(self, value: bytes) -> str:
        if self._key is None:
            self._key = _load_or_make(self._key_file)
        return hmac.new(self._key, value, hashlib.sha256).hexdigest()


class Scrubber:
    """Replaces secret values in a stream of output, also where one is cut by the edge of a chunk."""

    def __init__(self, values: Iterable[bytes]) -> None:
        # Longest first, so that a secret that begins with another one is replaced whole.
        self._values = sorted(set(_variants(values)), key=len, reverse=True)
        self._pattern = re.compile(b"|".join(re.escape(value) for value in self._values)) if self._values else None
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        """The output that is safe to pass on after `chunk`; what may be the beginning of a secret is held back."""
        data = self._held + chunk
        out, end = self._replace(data, self._first_beginning(data, 0))
        self._held = data[end:]
        return out

    def finish(self) -> bytes:
        """What was held back: nothing follows that could make it a longer secret."""
        rest, self._held = self._held, b""
        return self._replace(rest, len(rest))[0]

    def _replace(self, data: bytes, limit: int) -> tuple[bytes, int]:
        """`data` up to `limit`, or to the end of a secret that goes beyond it, with secrets replaced; and that end."""
        out, position = bytearray(), 0
        for match in self._pattern.finditer(data) if self._pattern else ():
            if match.start() >= limit:
                break
            out += data[position : match.start()] + MASK
            position = match.end()
            if position > limit:
                limit = self._first_beginning(data, position)
        out += data[position:limit]
        return bytes(out), limit

    def _first_beginning(self, data: bytes, start: int) -> int:
        """Where a secret may begin whose end is still to come; the end of `data` if nowhere."""
        found = len(data)
        for value in self._values:
            position = data.find(value[:1], max(start, len(data) - len(value) + 1))
            while 0 <= position < found:
                if value.startswith(data[position:]):
                    found = position
                position = data.find(value[:1], position + 1)
        return found


def _variants(values: Iterable[bytes]) -> Iterator[bytes]:
    """The values as they may be printed: whole, and without the line end that files tend to have."""
    for value in values:
        for variant in (value, value.strip()):
            if variant:
                yield variant


def _read(uri: str) -> bytes:
    scheme, colon, rest = uri.partition(":")
    rest = rest.removeprefix("//")
    if not colon or not rest:
        raise SecretError(f'parse "{scheme}": malformed id: use env:NAME, file:PATH or cmd:COMMAND')
    if scheme == "env":
        value = os.environ.get(rest)
        if value is None:
            raise SecretError(f"secret env var not found: {rest!r}; set the variable {rest} and try again")
        return value.encode()
    if scheme == "file":
        try:
            return Path(rest).expanduser().read_bytes()
        except OSError as error:
            reason = (error.strerror or "it cannot be read").lower()
            raise SecretError(f'failed to read secret file "{rest}": open {rest}: {reason}') from None
    if scheme == "cmd":
        return _command_output(rest)
    raise SecretError(f'unsupported secret provider: "{scheme}": use env:NAME, file:PATH or cmd:COMMAND')


def _command_output(command: str) -> bytes:
    import subprocess

    try:
        done = subprocess.run(["sh", "-c", command], capture_output=True, timeout=COMMAND_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise SecretError(f"secret command did not end within {COMMAND_SECONDS} s") from None
    if done.returncode:
        raise SecretError(f'failed to run secret command "{command}": exit status {done.returncode}')
    return done.stdout


def _load_or_make(path: Path) -> bytes:
    """Read this store's key; the first of several processes to make one wins."""
    with storage_errors("make the key of this store's secrets"):
        if (key := _read_key(path)) is None:
            # One that was cut would be a weak one.
            path.unlink(missing_ok=True)
            fresh = path.with_name(f"{path.name}.{os.getpid()}")
            try:
                descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(random.token_bytes(_KEY_BYTES))
                with contextlib.suppress(FileExistsError):
                    os.link(fresh, path)
            finally:
                fresh.unlink(missing_ok=True)
            key = path.read_bytes()
    return key


def _read_key(path: Path) -> bytes | None:
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        return None
    return key if len(key) == _KEY_BYTES else None
