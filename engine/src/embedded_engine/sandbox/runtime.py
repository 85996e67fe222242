"""Which OCI runtime starts containers here. What counts is that it does, so a trivial container is tried once."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from embedded_engine.sandbox.errors import SandboxError
from embedded_engine.sandbox.programs import program

VARIABLE = "CI_ENGINE_RUNTIME"
_KNOWN = ("runc", "crun")
_MISSING = "no OCI runtime: install runc (apt-get install runc)"


@dataclass(frozen=True)
class Runtime:
    """A runtime's program, and whether it is given control groups."""

    program: str
    cgroups: bool

    @property
    def command(self) -> list[str]:
        """How it is called. Without control groups it must be told not to insist on them."""
        if self.cgroups:
            return [self.program]
        refusal = ("--cgroup-manager", "disabled") if Path(self.program).name == "crun" else ("--rootless", "true")
        return [self.program, *refusal]


def candidates(environ: Mapping[str, str]) -> list[Runtime]:
    """What can be tried, the best first. Raises SandboxError when there is none."""
    wanted = environ.get(VARIABLE)
    programs = [program(name) for name in ((wanted,) if wanted else _KNOWN)]
    found = [path for path in programs if path is not None]
    if not found:
        raise SandboxError(f"no OCI runtime: {VARIABLE}={wanted} is not a program" if wanted else _MISSING)
    return [Runtime(path, cgroups) for cgroups in (True, False) for path in found]


def remembered(record: Path, environ: Mapping[str, str]) -> Runtime | None:
    """The choice of an earlier session, if nothing that it depends on has changed."""
    try:
        known = json.loads(record.read_text())
        runtime = Runtime(**known["runtime"])
        return runtime if known["circumstances"] == _circumstances(runtime, environ) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remember(record: Path, runtime: Runtime, environ: Mapping[str, str]) -> None:
    """Write the choice down."""
    known = {"runtime": asdict(runtime), "circumstances": _circumstances(runtime, environ)}
    beside = record.with_name(f"{record.name}.{os.getpid()}")
    beside.write_text(json.dumps(known))
    beside.replace(record)


def _circumstances(runtime: Runtime, environ: Mapping[str, str]) -> list[str | int]:
    state = Path(runtime.program).stat()
    return [os.uname().release, os.getuid(), state.st_mtime_ns, state.st_size, environ.get(VARIABLE, "")]
