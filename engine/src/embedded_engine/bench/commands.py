"""A repository to measure in, and commands run in it as a user would run them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def repository_here() -> Path:
    for place in (Path.cwd(), *Path.cwd().parents):
        if (place / "dagger.json").is_file():
            return place
    sys.exit("no dagger.json here or above: run the benchmark in the repository")


@contextmanager
def copied(repository: Path) -> Iterator[Path]:
    """The repository as it is now, with its history, in a place that goes afterwards; what git ignores is left out."""
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        copy = Path(place, "repository")
        subprocess.run(["git", "clone", "-q", str(repository), str(copy)], check=True)
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=repository,
            check=True,
            capture_output=True,
        ).stdout
        for name in filter(None, listed.decode().split("\0")):
            if (repository / name).is_file():
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(repository / name, copy / name)
            else:
                (copy / name).unlink(missing_ok=True)
        yield copy


def start(repository: Path, *command: str) -> subprocess.Popen[bytes]:
    """A command with this environment's programs first on PATH, what it prints thrown away.

    Byte code is kept, as it is for most people: without it the bare tools would compile themselves at each start.
    """
    environment = dict(os.environ, PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}", PYTHONPATH="src")
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return subprocess.Popen(
        command,
        cwd=repository,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def timed(repository: Path, *command: str) -> tuple[float, float]:
    """Seconds from start to exit, and the peak memory in MiB of the largest process of it. It must succeed."""
    begin = time.monotonic()
    process = start(repository, *command)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed with exit code {process.returncode}: make it green first")
    return seconds, usage.ru_maxrss / 1024
