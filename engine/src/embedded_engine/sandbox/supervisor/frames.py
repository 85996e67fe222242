"""Messages over a stream socket, with open files: a header (length of the body, number of files), then the body.

Both ends run the same interpreter, so that the body is marshalled: it takes bytes as they are and needs no import.
"""

from __future__ import annotations

import array
import marshal
import socket
import struct
from collections.abc import Iterator
from typing import Any

Message = dict[str, Any]

_HEADER = struct.Struct("<IB")
_MOST_FILES = 253
_CHUNK = 1 << 18


def pack(message: Message, files: int = 0) -> bytes:
    """The bytes of a message that `files` open files go with; these are sent with its first byte."""
    body = marshal.dumps(message)
    return _HEADER.pack(len(body), files) + body


def send(connection: socket.socket, message: Message, files: list[int] | None = None) -> None:
    """Send on a blocking socket."""
    data = memoryview(pack(message, len(files or ())))
    sent = send_start(connection, data, files or [])
    connection.sendall(data[sent:])


def send_start(connection: socket.socket, data: memoryview, files: list[int]) -> int:
    """Send the beginning of a packed message together with its files; the number of bytes that went."""
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))] if files else []
    return connection.sendmsg([data], rights)


def receive(connection: socket.socket) -> tuple[bytes, list[int]]:
    """What can be read now; no bytes at the end of the stream."""
    files = array.array("i")
    space = socket.CMSG_SPACE(_MOST_FILES * files.itemsize)
    data, rights, _flags, _address = connection.recvmsg(_CHUNK, space, socket.MSG_CMSG_CLOEXEC)
    for level, kind, content in rights:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            files.frombytes(content[: len(content) - len(content) % files.itemsize])
    return data, files.tolist()


class Decoder:
    """Puts the pieces of a stream together again."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._files: list[int] = []

    def feed(self, data: bytes, files: list[int]) -> Iterator[tuple[Message, list[int]]]:
        """The messages that are whole now, each with its files."""
        self._data += data
        self._files += files
        while len(self._data) >= _HEADER.size:
            length, count = _HEADER.unpack_from(self._data)
            end = _HEADER.size + length
            if len(self._data) < end:
                return
            message = marshal.loads(self._data[_HEADER.size : end])  # noqa: S302 (the peer is the engine itself)
            own, self._files = self._files[:count], self._files[count:]
            del self._data[:end]
            yield message, own
