"""What kind of file system a directory is on, and whether overlayfs can keep layers there."""

from __future__ import annotations

import os
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")

_UNSUITABLE = {
    "overlay": "it is on overlayfs, which cannot hold the layers of another overlay",
    "ramfs": "it is in memory without limit (ramfs)",
    "ecryptfs": "it is on ecryptfs, which overlayfs refuses",
    "vfat": "it is on vfat, which has no owners and links",
    "exfat": "it is on exfat, which has no owners and links",
    "ntfs": "it is on ntfs, which overlayfs refuses",
    "ntfs3": "it is on ntfs3, which overlayfs refuses",
    "fuseblk": "it is on a FUSE disk, which overlayfs refuses",
    "nfs": "it is on a network file system (nfs)",
    "nfs4": "it is on a network file system (nfs4)",
    "cifs": "it is on a network file system (cifs)",
    "smb3": "it is on a network file system (smb3)",
    "9p": "it is on a file system shared by a host (9p)",
    "virtiofs": "it is on a file system shared by a host (virtiofs)",
}


def unsuitable(directory: Path) -> str | None:
    """Why overlayfs cannot keep its upper directories here; None if it can, or if it cannot be told."""
    kind = filesystem_of(directory)
    if kind is not None and kind.startswith("fuse."):
        return f"it is on {kind}, which overlayfs refuses"
    return _UNSUITABLE.get(kind or "")


def filesystem_of(directory: Path) -> str | None:
    """The type of the file system that a directory is on, as mount(8) names it; None if it cannot be told."""
    device = directory.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    place = os.path.realpath(directory)
    best = ("", None)
    try:
        lines = _MOUNTS.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return None
    by_place: tuple[str, str | None] = best
    by_device: str | None = None
    for line in lines:
        fields, _, rest = line.partition(" - ")
        words = fields.split(" ")
        kind = rest.split(" ", 1)[0]
        if words[2] == wanted:
            by_device = kind
        point = words[4].encode().decode("unicode_escape", "replace")
        inside = place == point or place.startswith(f"{point.rstrip('/')}/")
        if inside and len(point) >= len(by_place[0]):
            by_place = (point, kind)
    # btrfs shows another device number for a subvolume than for its mount.
    return by_device or by_place[1]
