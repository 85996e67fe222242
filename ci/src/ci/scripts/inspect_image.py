"""Looks at an image from inside: is it the lean one that it is meant to be?

Usage: python inspect_image.py FACTS    where FACTS is what the image's configuration says, as JSON:
{"user": "...", "ports": [8000], "healthcheck": ["..."], "labels": {"name": "value"}}
Prints a line per rule and exits 1 when one is broken. Runs as root, so that it sees every file.
"""

import json
import os
import pwd
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

PORT = 8000
LABELS = tuple(f"org.opencontainers.image.{name}" for name in ("title", "description", "version", "licenses"))
PROGRAMS = ("uv", "uvx", "pip", "pip3", "gcc", "g++", "cc", "make", "git", "ld")
PACKAGES = ("pip", "uv")
APPLICATION = "app"

# Not part of the image: the kernel's, the runtime's, and what brings this program in.
OUTSIDE = ("/proc", "/sys", "/dev", "/run", "/opt/ci", "/reports")
SECRET_FILES = re.compile(
    r"^(\.env(\..+)?|\.netrc|\.pypirc|\.npmrc|\.git-credentials|id_(rsa|dsa|ecdsa|ed25519)|.*\.key)$"
)
SECRET_VARIABLES = re.compile(r"PASSWORD|PASSWD|SECRET|TOKEN|CREDENTIAL|DATABASE_URL|PRIVATE_KEY")
MAX_KEY_FILE = 1 << 20

Finding = tuple[str, str]
"""A rule in words, and what breaks it; empty when nothing does."""


def configuration(facts: Mapping[str, Any]) -> Iterator[Finding]:
    """Judge what the image's configuration says."""
    user = str(facts["user"])
    yield "runs as an ordinary user", "" if user and uid_of(user) != 0 else f"it runs as {user or 'root'!r}"
    ports = facts["ports"]
    yield f"exposes port {PORT} and no other", "" if ports == [PORT] else f"it exposes {ports}"
    yield "has a HEALTHCHECK", "" if facts["healthcheck"] else "it has none"
    missing = [name for name in LABELS if not facts["labels"].get(name)]
    yield "carries the OCI labels", f"it lacks {', '.join(missing)}" if missing else ""


def uid_of(user: str) -> int:
    """Resolve `name`, `name:group` or a number as the runtime does; an unknown name counts as root."""
    name = user.partition(":")[0]
    if name.isdecimal():
        return int(name)
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return 0


def build_tools(path: str, site_packages: Iterable[Path]) -> list[str]:
    """Find programs and packages that build or install, which a running service never needs."""
    found = [
        str(Path(folder) / name)
        for folder in path.split(os.pathsep)
        for name in PROGRAMS
        if folder and (Path(folder) / name).exists()
    ]
    return found + [str(folder / name) for folder in site_packages for name in PACKAGES if (folder / name).is_dir()]


def files_below(root: Path, outside: Sequence[str] = OUTSIDE) -> Iterator[Path]:
    """Walk the image's own files, in order, never through a link."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if str(Path(folder) / name) not in outside)
        yield from (Path(folder) / name for name in [*folders, *sorted(names)])


def is_secret(path: Path) -> bool:
    """Whether a file's name or a private key in it says that it must not be in an image."""
    if path.name == ".git" or (SECRET_FILES.match(path.name) and path.is_file()):
        return True
    if path.suffix != ".pem" or path.is_symlink() or not path.is_file() or path.stat().st_size > MAX_KEY_FILE:
        return False
    return b"PRIVATE KEY-----" in path.read_bytes()


def secret_variables(environment: Mapping[str, str]) -> list[str]:
    """Name the variables that look like a secret and have a value."""
    return sorted(name for name, value in environment.items() if value and SECRET_VARIABLES.search(name.upper()))


def without_bytecode(package: Path) -> list[str]:
    """Find the sources of a package that have no compiled file beside them."""
    tag = sys.implementation.cache_tag
    return [
        str(source)
        for source in sorted(package.rglob("*.py"))
        if not (source.parent / "__pycache__" / f"{source.stem}.{tag}.pyc").is_file()
    ]


def contents(root: Path) -> Iterator[Finding]:
    """Judge the files and the environment of the image."""
    everything = list(files_below(root))
    packages = [path for path in everything if path.name in {"site-packages", "dist-packages"} and path.is_dir()]
    yield "has no build tools", few(build_tools(os.environ.get("PATH", ""), packages))
    yield "has no files with secrets", few([str(path) for path in everything if is_secret(path)])
    yield "has no secrets in its environment", few(secret_variables(os.environ))
    application = find_spec(APPLICATION)
    if application is None or application.origin is None:
        yield "is byte-compiled", f"the package {APPLICATION!r} cannot be imported"
    else:
        yield "is byte-compiled", few(without_bytecode(Path(application.origin).parent))


def few(found: Sequence[str], most: int = 5) -> str:
    """Name what was found, the first few of it."""
    if not found:
        return ""
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return f"found {', '.join(found[:most])}{more}"


def main(arguments: Sequence[str]) -> int:
    """Judge the image; the exit code is the verdict."""
    findings = [*configuration(json.loads(arguments[0])), *contents(Path("/"))]
    for rule, fault in findings:
        print(f"ok    {rule}" if not fault else f"FAIL  {rule}: {fault}")
    return 1 if any(fault for _, fault in findings) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
