"""A root file system made of this machine's programs: enough to run a shell where no image is wanted."""

import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

_LIBRARY = re.compile(r"(/\S+) \(0x")


def copy_programs(root: Path, names: Iterable[str]) -> None:
    """Copy programs with their libraries, each to its place, and let /bin lead to it; one that is not here is left out."""
    (root / "bin").mkdir(parents=True, exist_ok=True)
    for name in names:
        found = shutil.which(name)
        if found is None:
            continue
        listed = subprocess.run(["ldd", found], capture_output=True, text=True, check=False).stdout
        for each in (found, *_LIBRARY.findall(listed)):
            place = root / each.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            if not place.exists():
                shutil.copy(each, place)
        if not (root / "bin" / name).exists():
            (root / "bin" / name).symlink_to(found)
