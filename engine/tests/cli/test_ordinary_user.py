"""`ci` as an ordinary user: a user made for these tests, with nothing but what an administrator gives to users."""

from __future__ import annotations

import os
import pwd
import re
import shlex
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import embedded_engine
from embedded_engine.store import Store
from embedded_engine.store.errors import StoreError
from embedded_engine.user_namespace import ranges
from module_files import write_module

MODULE = '''
import dagger
from dagger import dag, function, object_type


@object_type
class Ordinary:
    """What takes root elsewhere."""

    def _base(self) -> dagger.Container:
        return dag.container().from_("python:3.13-slim")

    @function
    async def owners(self) -> str:
        """Files of several owners, a device, a removed and an opaque directory, seen by a later execution."""
        script = "mkdir -p /a/b && touch /a/b/old && chown 33:44 /a/b && rm -r /etc/apt && mkdir /etc/apt && touch /etc/apt/new"
        made = self._base().with_new_file("/data/own", "x", owner="1234:5678").with_exec(["sh", "-c", script])
        look = "stat -c '%u:%g' /data/own /a/b && ls /etc/apt && test -c /dev/null && echo gone > /dev/null && id -u"
        return await made.with_exec(["sh", "-c", look]).stdout()

    @function
    async def user(self) -> str:
        """An execution by an account that is not root, in a directory of its own, with a cache volume."""
        return await (
            self._base()
            .with_exec(["useradd", "--create-home", "--uid", "1500", "worker"])
            .with_mounted_cache("/cache", dag.cache_volume("ordinary"), owner="worker")
            .with_user("worker")
            .with_workdir("/home/worker")
            .with_exec(["sh", "-c", "touch /cache/file made && stat -c %U /cache/file made && whoami"])
            .stdout()
        )

    @function
    async def service(self) -> str:
        """A service on a port, asked by an execution that is bound to it."""
        served = (
            self._base()
            .with_new_file("/srv/index.html", "served")
            .with_exposed_port(8000)
            .as_service(args=["python", "-m", "http.server", "--directory", "/srv", "8000"])
        )
        code = "import urllib.request; print(urllib.request.urlopen('http://web:8000/').read().decode())"
        return await self._base().with_service_binding("web", served).with_exec(["python", "-c", code]).stdout()

    @function
    def tree(self) -> dagger.Directory:
        """Files of other owners, to be exported."""
        return self._base().with_exec(["sh", "-c", "mkdir /out && touch /out/file && chown 33 /out/file"]).directory("/out")
'''

Run = Callable[..., subprocess.CompletedProcess[str]]

# Every machine that has the device lets its users have it, but for some that make it themselves.
_TAP = "mkdir {0}/tap && mount -t tmpfs tmpfs {0}/tap && mknod -m 666 {0}/tap/tun c 10 200 && mount --bind {0}/tap/tun /dev/net/tun"


@pytest.fixture(scope="module")
def account() -> Iterator[pwd.struct_passwd]:
    """A user without ranges of ids, for as long as these tests last."""
    if os.geteuid() != 0:
        pytest.skip("making a user takes root")
    if shutil.which("newuidmap") is None:
        pytest.skip("ordinary users' containers need newuidmap (apt-get install uidmap)")
    name = f"ci-{uuid.uuid4().hex[:8]}"
    none = ("-K", "SUB_UID_COUNT=0", "-K", "SUB_GID_COUNT=0")
    subprocess.run(["useradd", "--create-home", "--shell", "/bin/sh", *none, name], check=True, capture_output=True)
    try:
        yield pwd.getpwnam(name)
    finally:
        subprocess.run(["userdel", "--remove", name], check=True, capture_output=True)


@pytest.fixture(scope="module")
def ci(account: pwd.struct_passwd, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run `ci` with words as that user, in a repository of the user's own; `hidden` are programs that are not there."""
    home = Path(account.pw_dir)
    repository = write_module(home / "repository", "ordinary", MODULE)
    (repository / ".git").mkdir()
    for place in (repository, *repository.rglob("*")):
        os.chown(place, account.pw_uid, account.pw_gid)
    scratch = tmp_path_factory.mktemp("seen")
    _give_uv(home / "bin")

    def run(*words: str, hidden: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "embedded_engine.cli", *words]
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("CI_ENGINE_", "XDG_"))}
        place = scratch / uuid.uuid4().hex
        place.mkdir()
        script = "\n".join(
            [
                "set -e",
                _TAP.format(place) if Path("/dev/net/tun").exists() else "",
                *(f"mount --bind /dev/null {shutil.which(name)}" for name in hidden),
                *_reachable(place),
                f"cd {repository}",
                f"exec runuser --user {account.pw_name} -- {shlex.join(command)}",
            ]
        )
        return subprocess.run(
            ["unshare", "--mount", "sh", "-c", script],
            env={**kept, "HOME": str(home), "PATH": f"{home / 'bin'}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    return run


@pytest.fixture(scope="module")
def with_ranges(ci: Run) -> None:
    """The user has the ranges that an administrator gives on the engine's advice."""
    refusal = ci("functions").stderr
    assert refusal.startswith("Error: /etc/subuid has no range for ci-")
    subprocess.run(shlex.split(refusal.partition(": ")[2].partition(": ")[2]), check=True)


def test_without_ranges(ci: Run, account: pwd.struct_passwd, request: pytest.FixtureRequest) -> None:
    """A user without ranges of ids gets one line, whose command mends it; the doctor says the same."""
    refused, doctor = ci("functions"), ci("doctor")
    start, _, remedy = refused.stderr.strip().partition(f" has no range for {account.pw_name}: ")
    assert (refused.returncode, start) == (1, "Error: /etc/subuid")
    assert re.fullmatch(rf"usermod --add-subuids (\d+-\d+) --add-subgids \1 {account.pw_name}", remedy)
    assert doctor.stdout.count(f"mend it: {remedy}\n") == 2
    request.getfixturevalue("with_ranges")
    assert ci("functions").returncode == 0


@pytest.mark.usefixtures("with_ranges")
def test_without_the_program(ci: Run) -> None:
    """Where newuidmap is missing, the line and the doctor name the package."""
    refused, doctor = ci("functions", hidden=("newuidmap",)), ci("doctor", hidden=("newuidmap",))
    assert refused.stderr == "Error: an ordinary user's containers need newuidmap: apt-get install uidmap\n"
    assert "mend it: apt-get install uidmap" in doctor.stdout


@pytest.mark.usefixtures("with_ranges")
def test_the_doctor(ci: Run) -> None:
    """The doctor tries a container as root of a namespace, and finds nothing missing that is needed."""
    said = ci("doctor").stdout
    assert "✔ container" in said
    assert "✔ /etc/subuid" in said


@pytest.mark.usefixtures("with_ranges")
def test_owners_and_layers(ci: Run) -> None:
    """Files keep their owners from layer to layer, and what was removed stays removed."""
    ended = ci("call", "owners")
    assert ended.stdout.split() == ["1234:5678", "33:44", "new", "0"], ended.stderr


@pytest.mark.usefixtures("with_ranges")
def test_another_account(ci: Run) -> None:
    """An execution by a user of the image owns what it makes, in a cache volume too."""
    ended = ci("call", "user")
    assert ended.stdout.split() == ["worker", "worker", "worker"], ended.stderr


@pytest.mark.usefixtures("with_ranges")
def test_service(ci: Run) -> None:
    """A service listens, and who is bound to it reaches it by name."""
    ended = ci("call", "service")
    assert ended.stdout.strip() == "served", ended.stderr


@pytest.mark.usefixtures("with_ranges")
def test_export(ci: Run, account: pwd.struct_passwd) -> None:
    """What is exported belongs to the user, whoever owned it in the container."""
    ended = ci("call", "-o", "exported", "tree")
    exported = (Path(account.pw_dir) / "repository/exported/file").stat()
    assert (exported.st_uid, exported.st_gid) == (account.pw_uid, account.pw_gid), ended.stderr


@pytest.mark.usefixtures("with_ranges")
def test_module_in_its_own_environment(ci: Run, account: pwd.struct_passwd) -> None:
    """A module that needs a package which is not here gets an environment in the user's store, and a process there."""
    project = '[project]\nname = "needing"\nversion = "0"\ndependencies = ["dagger-io", "six"]\n'
    code = "import six, sys\nfrom dagger import dag, function, object_type\n\n\n@object_type\nclass Needing:\n    @function\n"
    code += (
        "    async def where(self) -> str:\n        made = dag.directory().with_new_file(six.__name__, sys.prefix)\n"
    )
    code += "        return await made.file('six').contents()\n"
    module = write_module(Path(account.pw_dir) / "needing", "needing", code, project)
    for place in (module, *module.rglob("*")):
        os.chown(place, account.pw_uid, account.pw_gid)
    for _ in range(2):
        ended = ci("call", "-m", str(module), "where")
        assert ended.stdout.startswith(f"{account.pw_dir}/.cache/ci-engine/environments/"), ended.stderr


@pytest.mark.usefixtures("with_ranges")
def test_the_store_of_another_kind_of_user(ci: Run, account: pwd.struct_passwd) -> None:
    """Root does not open an ordinary user's store, in which owners mean something else, and says so in one line."""
    assert ci("call", "user").returncode == 0
    with pytest.raises(StoreError, match=r"is of an ordinary user, .*: set CI_ENGINE_STORE to another directory"):
        Store.open(Path(account.pw_dir) / ".cache/ci-engine")


@pytest.mark.usefixtures("with_ranges")
def test_what_was_stored_is_whole(ci: Run) -> None:
    """Owners, devices and marks of the layers that were made are what they were when they were sealed."""
    ended = ci("verify")
    assert ended.stdout.endswith(": whole\n"), ended.stdout


@pytest.mark.usefixtures("with_ranges")
def test_nothing_stays(ci: Run, account: pwd.struct_passwd) -> None:
    """After a run no process of the user or of the user's range is left, and no mount below the user's home."""
    range_of_the_user = ranges("/etc/subuid", account.pw_name, account.pw_uid)
    owners = {account.pw_uid}.union(*(range(first, first + count) for first, count in range_of_the_user))
    ci("call", "service")
    deadline = time.monotonic() + 60
    while (left := _processes(owners)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == []
    assert account.pw_dir not in Path("/proc/self/mountinfo").read_text()


def _processes(owners: set[int]) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            found += [(process / "cmdline").read_text()] if process.stat().st_uid in owners else []
        except OSError:
            continue
    return found


def _give_uv(place: Path) -> None:
    """Copy uv for the user: it is often installed below a home that is closed to others, behind links and scripts."""
    place.mkdir()
    named = (Path(directory, "uv") for directory in os.environ["PATH"].split(":"))
    found = next(path for path in named if path.is_file() and path.read_bytes()[:4] == b"\x7fELF")
    shutil.copy(found, place)


def _reachable(place: Path) -> list[str]:
    """Commands that let everybody reach this interpreter and these packages, in one mount namespace: what lies below a
    directory that is closed to others is shown alone in an open one."""
    needed = {Path(sys.prefix), Path(sys.base_prefix), Path(embedded_engine.__file__).parents[1]}
    needed |= {Path(path) for path in sys.path if path}
    closed: dict[Path, set[Path]] = {}
    for path in sorted(path.resolve() for path in needed if path.exists()):
        for parent in reversed(path.parents):
            if not parent.stat().st_mode & 0o001:
                closed.setdefault(parent, set()).add(path)
                break
    commands = []
    for number, (parent, paths) in enumerate(closed.items()):
        open_one = place / f"open{number}"
        commands.append(f"mkdir {open_one}")
        for path in paths:
            inside = open_one / path.relative_to(parent)
            make = f"mkdir -p {inside}" if path.is_dir() else f"mkdir -p {inside.parent} && touch {inside}"
            commands += [make, f"mount --bind {path} {inside}"]
        commands.append(f"mount --rbind {open_one} {parent}")
    return commands
