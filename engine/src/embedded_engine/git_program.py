"""The machine's `git`, run without the settings of its user or of the machine."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from embedded_engine.errors import EngineError
from embedded_engine.store.files import write_all

_KEPT = ("PATH", "HOME", "SSL_CERT_FILE", "GIT_SSL_CAINFO", "CURL_CA_BUNDLE", "http_proxy", "https_proxy", "no_proxy")
_QUIET = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "true",
    "GIT_OPTIONAL_LOCKS": "0",
    "LC_ALL": "C.UTF-8",
    "GIT_AUTHOR_NAME": "engine",
    "GIT_AUTHOR_EMAIL": "engine@localhost",
    "GIT_COMMITTER_NAME": "engine",
    "GIT_COMMITTER_EMAIL": "engine@localhost",
}


class GitError(EngineError):
    """Git refused, or is not there. The text is what git said, on one line."""


def run_git(
    arguments: Sequence[str],
    folder: Path,
    *,
    stdin: bytes = b"",
    accept: Sequence[int] = (0,),
    environment: Mapping[str, str] | None = None,
    header: str = "",
) -> bytes:
    """What `git` prints. Blocks. Raises GitError for an exit code that is not accepted.

    A `header` goes with every HTTP request. It may log in: no argument and no variable of a process holds it.
    """
    kept = {name: value for name in (*_KEPT, *map(str.upper, _KEPT)) if (value := os.environ.get(name))}
    try:
        with _configuration(header) as (files, configured):
            done = subprocess.run(
                ["git", "-c", "safe.directory=*", "-c", "core.quotePath=false", *arguments],
                cwd=folder,
                input=stdin,
                capture_output=True,
                env={**kept, **_QUIET, **(environment or {}), **configured},
                pass_fds=files,
                check=False,
            )
    except FileNotFoundError:
        raise GitError("git is not installed (apt-get install git)") from None
    if done.returncode not in accept:
        said = done.stderr.decode("utf-8", "replace").strip() or f"exit code {done.returncode}"
        raise GitError(f"git {_command(arguments)}: {'; '.join(said.splitlines())}")
    return done.stdout


@contextmanager
def _configuration(header: str) -> Iterator[tuple[tuple[int, ...], dict[str, str]]]:
    """A header as a file of git's configuration that is in memory only: open files and variables for git."""
    if not header:
        yield (), {}
        return
    quoted = header.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    descriptor = os.memfd_create("git-config")
    try:
        write_all(descriptor, f'[http]\n\textraHeader = "{quoted}"\n'.encode("utf-8", "surrogateescape"))
        yield (descriptor,), {"GIT_CONFIG_GLOBAL": f"/proc/self/fd/{descriptor}"}
    finally:
        os.close(descriptor)


def _command(arguments: Sequence[str]) -> str:
    """The name of the command, without what precedes it."""
    words = iter(arguments)
    for word in words:
        if word == "-c":
            next(words, None)
        elif not word.startswith("-"):
            return word
    return ""
