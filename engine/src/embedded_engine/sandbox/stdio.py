"""The three open files that go with a program: its input, and where its output is appended."""

from __future__ import annotations

import os
from pathlib import Path

from embedded_engine.sandbox.errors import SandboxError


def standard_files(stdin: bytes | Path | None, stdout: Path | None, stderr: Path | None) -> list[int]:
    """Open them; the caller closes them, or hands them to the supervisor's link, which does."""
    files: list[int] = []
    try:
        files.append(_input(stdin))
        files += [_output(path) for path in (stdout, stderr)]
    except OSError as error:
        for descriptor in files:
            os.close(descriptor)
        raise SandboxError(f"{error.filename}: {error.strerror}") from error
    return files


def _input(source: bytes | Path | None) -> int:
    if isinstance(source, bytes) and source:
        descriptor = os.memfd_create("stdin", os.MFD_CLOEXEC)
        with open(descriptor, "wb", closefd=False) as file:
            file.write(source)
        os.lseek(descriptor, 0, os.SEEK_SET)
        return descriptor
    return os.open(source or os.devnull, os.O_RDONLY | os.O_CLOEXEC)


def _output(path: Path | None) -> int:
    # Without O_NONBLOCK a named pipe that nobody reads would be waited for; the supervisor wants it that way, too.
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK | os.O_CLOEXEC
    return os.open(path or os.devnull, flags, 0o600)
