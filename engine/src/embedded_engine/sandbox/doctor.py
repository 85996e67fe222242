"""What this machine has of what the engine needs, and the command that mends what it lacks."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from embedded_engine.errors import EngineError
from embedded_engine.sandbox.errors import SandboxError
from embedded_engine.sandbox.programs import program
from embedded_engine.sandbox.runtime import VARIABLE, candidates
from embedded_engine.sandbox.seccomp import PROFILE
from embedded_engine.sandbox.session import TAP
from embedded_engine.sandbox.spec import ContainerSpec, Overlay
from embedded_engine.user_namespace import become_root, is_rootless, range_remedy, ranges, user_name

_OLDEST_KERNEL = (5, 11)
_NOTHING: Mapping[str, str] = MappingProxyType({})
_FREE_BYTES = 5 * 2**30
_UNSUITABLE = ("overlay", "nfs", "nfs4", "cifs", "9p", "fuse", "vfat", "exfat")
_SYSCTLS = (("kernel.apparmor_restrict_unprivileged_userns", "1", "0"), ("kernel.unprivileged_userns_clone", "0", "1"))


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. `remedy` is a command, empty when there is nothing to mend or no command does it.

    Without what is not `needed` the engine works, with the restriction that `detail` names.
    """

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    needed: bool = True


def probe(root: Path | None = None) -> list[Check]:
    """Look at everything. `root` is the store's directory; containers are tried there, and leave nothing."""
    if root is None:
        from embedded_engine.store import default_root

        root = default_root()
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return [*_machine(), Check("store", False, f"{root}: {error.strerror}", f"mkdir -p {root}")]
    return [*_machine(), _file_system(root), _free_space(root), _container(root), *_other_runtimes(root)]


def _machine() -> Iterator[Check]:
    yield _kernel()
    yield from _user()
    yield _runtime()
    for name, package, purpose, needed in (
        ("unshare", "util-linux", "the supervisor is started by it", True),
        ("setpriv", "util-linux", "the supervisor is started by it", True),
        ("tini-static", "tini", "containers have no init without it", True),
        ("slirp4netns", "slirp4netns", "containers cannot reach the network without it", False),
        ("mmdebstrap", "mmdebstrap", "images need a registry without it", False),
        ("mount", "mount", "images need a registry without it", False),
        ("git", "git", "repositories, patches and changesets need it", False),
    ):
        yield _program(name, package, purpose, needed=needed)
    yield _tap()
    yield Check(
        "seccomp profile",
        PROFILE.exists(),
        str(PROFILE) if PROFILE.exists() else "containers run without a filter of system calls",
        "" if PROFILE.exists() else "apt-get install golang-github-containers-common",
        needed=False,
    )


def _kernel() -> Check:
    release = os.uname().release
    numbers = tuple(int(number) for number in re.findall(r"\d+", release)[:2])
    if numbers < _OLDEST_KERNEL:
        return Check("kernel", False, f"{release}; at least {'.'.join(map(str, _OLDEST_KERNEL))} is needed")
    known = Path("/proc/filesystems").read_text().split()
    if "overlay" not in known and not _loads("overlay"):
        return Check("kernel", False, f"{release} without overlayfs", "modprobe overlay")
    return Check("kernel", True, release)


def _loads(module: str) -> bool:
    loader = program("modprobe")
    return (
        loader is not None
        and not subprocess.run([loader, "--dry-run", module], capture_output=True, check=False).returncode
    )


def _user() -> Iterator[Check]:
    if os.geteuid() == 0:
        yield Check("user", True, "root")
        return
    name = user_name()
    yield _program("newuidmap", "uidmap", "an ordinary user's containers need it", needed=True)
    for file in ("/etc/subuid", "/etc/subgid"):
        given = bool(ranges(file, name, os.geteuid()))
        detail, remedy = (f"a range for {name}", "") if given else (f"no range for {name}", range_remedy(name))
        yield Check(file, given, detail, remedy)
    for setting, bad, good in _SYSCTLS:
        path = Path("/proc/sys", *setting.split("."))
        if path.exists() and path.read_text().strip() == bad:
            yield Check(setting, False, "users may not make namespaces", f"sysctl -w {setting}={good}")


def _tap() -> Check:
    """The device by which slirp4netns makes the network's way out."""
    if os.access(TAP, os.R_OK | os.W_OK):
        return Check(str(TAP), True, "this user may use it", needed=False)
    detail, remedy = "there is none", "modprobe tun"
    if TAP.exists():
        detail, remedy = "this user may not use it", f"chmod 666 {TAP}"
    return Check(str(TAP), False, f"{detail}: containers cannot reach the network", remedy, needed=False)


def _runtime() -> Check:
    try:
        path = candidates(os.environ)[0].program
    except SandboxError as error:
        return Check("OCI runtime", False, str(error).partition(":")[2].strip() or str(error), "apt-get install runc")
    return Check("OCI runtime", True, _version(path))


def _program(name: str, package: str, purpose: str, *, needed: bool) -> Check:
    path = program(name)
    if path is None:
        return Check(name, False, purpose, f"apt-get install {package}", needed)
    return Check(name, True, path, needed=needed)


def _version(path: str) -> str:
    answer = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    return f"{path} ({answer.stdout.partition(chr(10))[0]})"


def _file_system(root: Path) -> Check:
    kind = _kind(root)
    if kind.startswith(_UNSUITABLE):
        detail = f"{root} is on {kind}, on which overlayfs cannot write"
        return Check("store", False, detail, "export CI_ENGINE_STORE=/a/directory/on/a/disk")
    return Check("store", True, f"{root} ({kind})")


def _kind(root: Path) -> str:
    """The kind of the file system that a directory is on."""
    best, kind = "", "unknown"
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        place = before.split()[4].encode().decode("unicode_escape")
        if root.resolve().is_relative_to(place) and len(place) >= len(best):
            best, kind = place, after.split()[0]
    return kind


def _free_space(root: Path) -> Check:
    free = shutil.disk_usage(root).free
    detail = f"{free / 2**30:.1f} GiB free"
    return Check("disk", free >= _FREE_BYTES, detail, "" if free >= _FREE_BYTES else "ci prune --keep 1GB")


def _container(root: Path) -> Check:
    """A container of nothing but an init, started as all others are."""
    if os.geteuid() != 0:
        return _container_of_another_process(root)
    init = program("tini-static")
    if init is None:
        return Check("container", False, "not tried without an init", "apt-get install tini")
    with tempfile.TemporaryDirectory(dir=root, prefix="doctor-") as place:
        try:
            asyncio.run(_run_init(Path(place), init))
        except SandboxError as error:
            return Check("container", False, str(error))
    group = "but no control group, as an ordinary user's" if is_rootless() else "and control group"
    return Check("container", True, f"starts, with overlayfs, network namespace {group}")


def _other_runtimes(root: Path) -> Iterator[Check]:
    """What is installed beside the runtime that is used, and whether it would do: nothing needs it to."""
    for other in candidates(os.environ)[1:] if not os.environ.get(VARIABLE) and program("runc") else ():
        if other.cgroups:
            tried = _container_of_another_process(root, {VARIABLE: other.program})
            reason = tried.detail.rpartition("; ")[2].partition(": ")[2] or tried.detail
            detail = f"runs here as well: {VARIABLE}={other.program}" if tried.ok else f"does not run here: {reason}"
            yield Check(Path(other.program).name, True, detail, needed=False)


def _container_of_another_process(root: Path, environ: Mapping[str, str] = _NOTHING) -> Check:
    """The same for an ordinary user, tried where the user is root; this process stays what it is."""
    command = [sys.executable, "-c", f"from {__name__} import try_as_root; try_as_root()", str(root)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environ})
    return Check("container", ended.returncode == 0, (ended.stdout or ended.stderr).strip().rpartition("\n")[2])


def try_as_root() -> None:
    """Become root of a user namespace, try a container, and end the process: a line that says how it went, and a code."""
    try:
        become_root()
        check = _container(Path(sys.argv[1]))
    except EngineError as error:
        check = Check("container", False, str(error))
    sys.stdout.write(f"{check.detail}\n")
    sys.exit(int(not check.ok))


async def _run_init(place: Path, init: str) -> None:
    from embedded_engine.sandbox.sandbox import Sandbox

    for part in ("lower", "upper", "work"):
        (place / part).mkdir()
    shutil.copy2(init, place / "lower/init")
    sandbox = Sandbox(place, lambda _event: None, rootless=is_rootless())
    nowhere = Path(os.devnull)
    rootfs = Overlay((place / "lower",), place / "upper", place / "work")
    try:
        ended = await sandbox.run(ContainerSpec("doctor", rootfs, ("/init", "--version"), nowhere, nowhere))
    finally:
        await sandbox.close()
    if ended.code:
        raise SandboxError(f"a container that prints its init's version exits with {ended.code}")
