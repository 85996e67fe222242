"""A sandbox on this machine, a root made of the machine's own programs, and proof that nothing is left behind."""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from embedded_engine.events import Event
from embedded_engine.sandbox import BindMount, ContainerSpec, Exit, Overlay, Running, Sandbox

PYTHON = str(Path(sys.base_prefix, "bin", f"python3.{sys.version_info.minor}"))
_LINKS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")


@pytest.fixture(scope="session")
def skeleton(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root whose programs are this machine's: /usr is bound read-only by every container of these tests."""
    root = tmp_path_factory.mktemp("skeleton")
    for link in _LINKS:
        if Path("/", link).is_symlink():
            (root / link).symlink_to(Path("/", link).readlink())
    for directory in ("etc", "proc", "dev", "sys", "usr", "run", "root", "home/app", "opt"):
        (root / directory).mkdir(parents=True)
    (root / "tmp").mkdir(mode=0o1777)
    (root / "tmp").chmod(0o1777)
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n")
    (root / "etc/hosts").write_text("")
    return root


@dataclass
class Bench:
    """Makes containers and runs them; what they wrote to their root is in `upper`."""

    sandbox: Sandbox
    skeleton: Path
    directory: Path
    python: str = PYTHON
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def overlay(self, *lowers: Path) -> Overlay:
        """A writable stack on `lowers`, on the skeleton unless some are given."""
        place = self.directory / f"overlay{next(self._numbers)}"
        for part in ("upper", "work"):
            (place / part).mkdir(parents=True)
        return Overlay(lowers or (self.skeleton,), place / "upper", place / "work")

    def spec(self, *args: str, **changes: Any) -> ContainerSpec:
        """A container of the skeleton with this machine's programs."""
        number = next(self._numbers)
        usr = [BindMount(Path("/usr"), "/usr", read_only=True)]
        if not Path(PYTHON).is_relative_to("/usr"):
            usr.append(BindMount(Path(sys.base_prefix), sys.base_prefix, read_only=True))
        settings: dict[str, Any] = {
            "id": f"container-{number}",
            "rootfs": self.overlay(),
            "stdout": self.directory / f"stdout{number}",
            "stderr": self.directory / f"stderr{number}",
            "host_settings": False,
        } | changes
        settings["mounts"] = (*usr, *settings.get("mounts", ()))
        return ContainerSpec(args=args, **settings)

    async def run(self, *args: str, **changes: Any) -> Ran:
        """Run a program to its end."""
        spec = self.spec(*args, **changes)
        ended = await self.sandbox.run(spec)
        return Ran(ended, spec, spec.stdout.read_text(), spec.stderr.read_text())

    async def shell(self, script: str, **changes: Any) -> Ran:
        """Run a shell script to its end."""
        return await self.run("/bin/sh", "-ec", script, **changes)

    async def start(self, *args: str, **changes: Any) -> Running:
        """Start a service."""
        return await self.sandbox.start(self.spec(*args, **changes))


@dataclass(frozen=True)
class Ran:
    """A container that has run."""

    exit: Exit
    spec: ContainerSpec
    stdout: str
    stderr: str

    @property
    def written(self) -> list[str]:
        """The paths in its upper directory."""
        upper = self.spec.rootfs.upper
        assert upper is not None
        return sorted(str(path.relative_to(upper)) for path in upper.rglob("*"))


@pytest.fixture
def events() -> list[Event]:
    """What the sandbox told."""
    return []


@pytest.fixture
async def sandbox(tmp_path: Path, events: list[Event]) -> AsyncIterator[Sandbox]:
    """A sandbox that is closed in the end."""
    if os.geteuid() != 0:
        pytest.skip("the sandbox is tried as root here")
    made = Sandbox(tmp_path / "store", events.append)
    yield made
    await made.close()


@pytest.fixture
def bench(sandbox: Sandbox, skeleton: Path, tmp_path: Path) -> Bench:
    """Containers in that sandbox."""
    return Bench(sandbox, skeleton, tmp_path)


def leftovers() -> dict[str, set[str]]:
    """The children, mounts and control groups that this process has."""
    children: set[str] = set()
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(FileNotFoundError):
            children.update((task / "children").read_text().split())
    mounts = {line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()}
    groups = {str(path) for path in Path("/sys/fs/cgroup").glob(f"*/ci-engine-{os.getpid()}-*")}
    return {"children": children, "mounts": mounts, "groups": groups}


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """Every test of the sandbox ends with no process, mount or control group that it did not begin with."""
    before = leftovers()
    yield
    assert eventually(lambda: not _new(before)), _new(before)


def _new(before: dict[str, set[str]]) -> dict[str, set[str]]:
    """What is there and was not; what has gone meanwhile belonged to somebody else."""
    return {kind: there for kind, found in leftovers().items() if (there := found - before[kind])}


Eventually = Callable[[Callable[[], bool]], bool]


@pytest.fixture(name="eventually")
def _eventually() -> Eventually:
    """Whether a condition comes true in time."""
    return eventually


def eventually(condition: Callable[[], bool], seconds: float = 60) -> bool:
    """Whether the condition comes true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
