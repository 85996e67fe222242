"""Environments for modules that need packages which are not here: made by `uv` from the module's lock, kept, shared.

One is named by what it is made of (the requirements, the lock, this interpreter), so that it never changes: a module
whose lock changed gets another one. It is made in the store's staging area and renamed, by one process while others
wait; what a run that was killed has left of one is swept when the store is next opened.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import platform
import shutil
import sys
from importlib.metadata import version
from pathlib import Path

from embedded_engine.cli.errors import ModuleLoadError
from embedded_engine.cli.project import COMPILED_LOCK, LOCK, PROJECT, SDK, Project
from embedded_engine.events import Emit, Note
from embedded_engine.store import Store

_WRONG_PYTHON = ("incompatible with the project", "does not satisfy Python", "requires-python", "Python>=")

_DRAWN = " \u00d7\u2570\u2500\u25b6\u2502\u251c\u256d\u00b7"
"""What uv draws in front of its reasons."""


class Environments:
    """The environments in a store."""

    def __init__(self, store: Store, emit: Emit) -> None:
        self._store = store
        self._directory = store.root / "environments"
        self._emit = emit

    async def python(self, module: str, project: Project) -> Path:
        """The interpreter of the project's environment, which is made if need be. Raises ModuleLoadError."""
        place = self._directory / _key(project)
        python = place / "bin" / "python"
        if not python.exists():
            uv = shutil.which("uv")
            if uv is None:
                raise ModuleLoadError(
                    f"the module {module} needs packages that are not installed here, and uv, which would install them, "
                    "is not on PATH: https://docs.astral.sh/uv/getting-started/installation/"
                )
            self._directory.mkdir(parents=True, exist_ok=True)
            async with self._store.lock(f"environment:{place.name}"):
                if not python.exists():
                    self._emit(Note(f"making an environment for the module {module} (once for each state of its lock)"))
                    await _make(_Uv(uv, module, project.place), project, place, self._store.scratch())
        with contextlib.suppress(OSError):
            os.utime(place)  # when it was last used, for whoever makes room
        return python


class _Uv:
    """Runs `uv` in a project."""

    def __init__(self, program: str, module: str, project: Path) -> None:
        self._program = program
        self._module = module
        self._project = project

    async def run(self, *words: str, given: str = "", environment: Path | None = None) -> str:
        """Its output. Raises ModuleLoadError with the reason that it gives."""
        variables = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
        if environment is not None:
            variables["UV_PROJECT_ENVIRONMENT"] = str(environment)
        process = await asyncio.create_subprocess_exec(
            *("setpriv", "--pdeathsig", "KILL"),  # killed, this process leaves nobody who writes on
            self._program,
            *words,
            cwd=self._project,
            env={**variables, "UV_NO_PROGRESS": "1", "NO_COLOR": "1"},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is this process's to handle
        )
        try:
            out, err = await process.communicate(given.encode())
        except asyncio.CancelledError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            raise
        if process.returncode != 0:
            raise ModuleLoadError(
                f"cannot make an environment for the module {self._module}: {_reason(err.decode(errors='replace'))}"
            )
        return out.decode()


async def _make(uv: _Uv, project: Project, place: Path, scratch: Path) -> None:
    staged = scratch / place.name
    try:
        try:
            await _install(uv, project, staged, sys.executable)
        except ModuleLoadError as error:
            if not any(part in str(error) for part in _WRONG_PYTHON):
                raise
            await asyncio.to_thread(shutil.rmtree, staged, ignore_errors=True)
            await _install(uv, project, staged, None)  # an interpreter that suits the project, if uv has or gets one
        staged.rename(place)
    finally:
        await asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True)


async def _install(uv: _Uv, project: Project, staged: Path, python: str | None) -> None:
    """Fill an environment: from the lock, else from the requirements. The project itself stays where it is."""
    chosen = ["--python", python] if python is not None else []
    await uv.run("venv", "--quiet", "--relocatable", *(["--no-project"] if python else []), *chosen, str(staged))
    interpreter = ["--python", str(staged / "bin" / "python")]
    sdk = f"{SDK}=={version(SDK)}"
    if project.lock is not None and not project.locks_own_sdk:
        locked = ["--quiet", "--frozen", "--no-dev", "--no-install-project"]
        await uv.run("sync", *locked, *interpreter, environment=staged)
        return
    if project.lock is not None:
        # The copy of the SDK that the lock names is made by Dagger for a run of its own: the release stands in for it.
        options = ["--quiet", "--frozen", "--no-dev", "--no-emit-project", "--no-emit-package", SDK, "--no-hashes"]
        wanted = await uv.run("export", *options, *interpreter)
    elif (compiled := project.place / COMPILED_LOCK).is_file():
        wanted = _without_sdk(compiled.read_text(encoding="utf-8"))
    elif project.has_local_sources:
        # uv reads these from the project alone, in which the copy of the SDK that Dagger makes may be one of them.
        options = ["--quiet", "-r", PROJECT, "--no-sources-package", SDK, "-c", "-"]
        await uv.run("pip", "install", *options, *interpreter, given=f"{sdk}\n")
        return
    else:
        wanted = "\n".join(project.others)
    await uv.run("pip", "install", "--quiet", *interpreter, "-r", "-", given=f"{wanted}\n{sdk}\n")


def _without_sdk(requirements: str) -> str:
    lines = requirements.replace("\\\n", " ").splitlines()
    kept = (line.partition(" --hash")[0] for line in lines if not line.startswith(("-e", f"{SDK}=", f"{SDK} ")))
    return "\n".join(line for line in kept if not line.startswith(("./sdk", "sdk")))


def _key(project: Project) -> str:
    hasher = hashlib.sha256(f"1 {sys.executable} {platform.python_version()} {version(SDK)}\n".encode())
    if project.is_tied_to_place:
        hasher.update(f"{project.place}\n".encode("utf-8", "surrogateescape"))
    for name in (PROJECT, LOCK, COMPILED_LOCK):
        path = project.place / name
        content = path.read_bytes() if path.is_file() else b""
        hasher.update(f"{name} {len(content)}\n".encode())
        hasher.update(content)
    return hasher.hexdigest()[:32]


def _reason(said: str) -> str:
    """What uv says went wrong, on one line."""
    lines = [line.lstrip(_DRAWN) for line in said.splitlines()]
    told = [line.removeprefix("error: ") for line in lines if line and not line.startswith(("warning:", "hint:"))]
    return " ".join(told)[:600] or "uv failed and did not say why"
