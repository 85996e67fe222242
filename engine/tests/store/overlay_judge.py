"""What the kernel's overlayfs makes of layers. It works in a mount namespace of its own.

Reads jobs as JSON from standard input, answers with a list of results:

- `{"lowers": [...]}`: list the merged view of layers, bottom first;
- `{"lowers": [...], "upper": dir, "work": dir, "steps": [...]}`: do plain file operations in the merged view, which
  leaves a layer in `upper`, then list it. A step that fails is told by its place in `failed`.

With `--rootless` it works in a user namespace, and with `"rootless": true` overlayfs keeps its marks where ordinary
users can write them.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import shutil
import stat
import sys
import tempfile
from collections import deque
from pathlib import Path
from typing import Any

CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_REC, MS_PRIVATE = 0x4000, 0x40000
LIBC = ctypes.CDLL(None, use_errno=True)
KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "dir",
    stat.S_IFLNK: "symlink",
    stat.S_IFIFO: "fifo",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
    stat.S_IFSOCK: "socket",
}


def mount_overlay(
    target: str, lowers: list[str], upper: str | None, work: str | None, *, rootless: bool = False
) -> None:
    options = "lowerdir=" + ":".join(reversed(lowers)) + ",index=off,metacopy=off"
    # The kernel refuses redirect_dir=off together with userxattr, which implies as much.
    options += ",userxattr" if rootless else ",redirect_dir=off"
    if upper is not None:
        options += f",upperdir={upper},workdir={work}"
    if LIBC.mount(b"overlay", target.encode(), b"overlay", 0, options.encode()) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), options)


def listing(top: str) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    pending = [""]
    while pending:
        relative = pending.pop()
        with os.scandir(os.path.join(top, relative)) as entries:
            for entry in entries:
                path = f"{relative}/{entry.name}" if relative else entry.name
                found[path] = describe(entry.path)
                if entry.is_dir(follow_symlinks=False):
                    pending.append(path)
    return found


def describe(place: str) -> list[Any]:
    status = os.lstat(place)
    kind = KINDS[stat.S_IFMT(status.st_mode)]
    content = ""
    if kind == "file":
        content = hashlib.sha256(Path(place).read_bytes()).hexdigest()
    elif kind == "symlink":
        content = os.readlink(place)
    elif kind == "device":
        content = str(status.st_rdev)
    return [kind, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, content]


def resolve(path: str, *, follow: bool) -> str:
    """Where a path leads, with `/` as the root; what is missing stays as it is written."""
    left = deque(part for part in os.path.normpath("/" + path).split("/") if part)
    current = "/"
    for _ in range(10_000):
        if not left:
            return current
        part = left.popleft()
        if part in (".", ""):
            continue
        if part == "..":
            current = os.path.dirname(current)
            continue
        place = os.path.join(current, part)
        if os.path.islink(place) and (left or follow):
            target = os.readlink(place)
            current = "/" if target.startswith("/") else current
            left.extendleft(reversed(target.split("/")))
        else:
            current = place
    raise OSError("loop")


def make_directory(place: str) -> None:
    os.makedirs(place, mode=0o755, exist_ok=True)


def remove(place: str) -> None:
    if os.path.isdir(place) and not os.path.islink(place):
        shutil.rmtree(place)
    elif os.path.lexists(place):
        os.unlink(place)


def create(place: str, text: str) -> None:
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    os.write(descriptor, text.encode())
    os.close(descriptor)


def apply(step: list[Any]) -> None:
    match step:
        case ["mkdir", path]:
            make_directory(resolve(path, follow=True))
        case ["write", path, text]:
            place = resolve(path, follow=True)
            make_directory(os.path.dirname(place))
            if os.path.isdir(place):
                raise IsADirectoryError(place)
            remove(place)
            create(place, text)
        case ["symlink", path, target]:
            place = resolve(path, follow=False)
            make_directory(os.path.dirname(place))
            os.symlink(target, place)
        case ["remove", path]:
            place = resolve(path, follow=False)
            if place == "/":
                for name in os.listdir("/"):
                    remove(f"/{name}")
            else:
                remove(place)
        case ["copy", tree, path]:
            place = resolve(path, follow=False)
            make_directory(os.path.dirname(place))
            copy(tree, place)
        case ["chown", path, uid]:
            place = resolve(path, follow=True)
            os.lstat(place)
            os.lchown(place, uid, uid)
            if os.path.isdir(place):
                for below in listing(place):
                    os.lchown(os.path.join(place, below), uid, uid)
        case _:
            raise ValueError(step)


def copy(tree: dict[str, Any], place: str) -> None:
    """A tree is `{"name": text | {subtree} | ["link", target]}`. A loop of links at `place` is an error."""
    resolve(place, follow=True)
    if not os.path.isdir(place):
        remove(place)
        os.mkdir(place, 0o755)
    place = os.path.realpath(place)
    if place != "/":
        os.chown(place, 0, 0)
        os.chmod(place, 0o755)
    for name, content in sorted(tree.items()):
        inside = os.path.join(place, name)
        if isinstance(content, dict):
            copy(content, inside)
            continue
        remove(inside)
        if isinstance(content, list):
            os.symlink(content[1], inside)
        else:
            create(inside, content)


def run(job: dict[str, Any]) -> dict[str, Any]:
    target = tempfile.mkdtemp()
    lowers = list(job["lowers"])
    upper = job.get("upper")
    if upper is None and len(lowers) == 1:
        # Overlayfs wants two layers: an empty one at the bottom shows nothing.
        lowers.insert(0, tempfile.mkdtemp())
    mount_overlay(target, lowers, upper, job.get("work"), rootless=job.get("rootless", False))
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.umask(0o022)
        os.chroot(target)
        os.chdir("/")
        failed: list[int] = []
        for number, step in enumerate(job.get("steps", [])):
            try:
                apply(step)
            except OSError:
                failed.append(number)
        with os.fdopen(writing, "wb") as answer:
            answer.write(json.dumps({"tree": listing("/"), "root": describe("/"), "failed": failed}).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        data = answer.read()
    os.waitpid(child, 0)
    LIBC.umount2(target.encode(), 2)
    os.rmdir(target)
    result: dict[str, Any] = json.loads(data)
    return result


def leave(*, rootless: bool) -> None:
    """Go where mounts are nobody else's; if rootless, where root has no more rights than a user's own root has."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(reading, 1)
        if rootless:
            for name in ("uid_map", "gid_map"):
                Path(f"/proc/{os.getppid()}/{name}").write_text("0 0 65536")
        os._exit(0)
    if LIBC.unshare(CLONE_NEWNS | (CLONE_NEWUSER if rootless else 0)) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    os.write(writing, b"x")
    os.waitpid(child, 0)
    LIBC.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None)


if __name__ == "__main__":
    leave(rootless="--rootless" in sys.argv)
    json.dump([run(job) for job in json.load(sys.stdin)], sys.stdout)
