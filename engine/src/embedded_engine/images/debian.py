"""Builds a recipe's root file system with `mmdebstrap` from the Debian mirror that the machine itself uses."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from embedded_engine.images.errors import ImageError
from embedded_engine.images.mirrors import acquire_options, apt_sources
from embedded_engine.images.recipes import Recipe

# Translations and manuals are for people; a container has none. Licences stay.
_EXCLUDED = (
    "/usr/share/bash-completion/*",
    "/usr/share/doc/*",
    "/usr/share/groff/*",
    "/usr/share/info/*",
    "/usr/share/lintian/*",
    "/usr/share/locale/*",
    "/usr/share/man/*",
)
_INCLUDED = ("/usr/share/doc/*/copyright", "/usr/share/locale/locale.alias")
_LEFT_OVERS = (
    "etc/apt/apt.conf.d/99mmdebstrap",
    "etc/hostname",
    "etc/machine-id",
    "etc/resolv.conf",
    "run/*.lock",
    "run/utmp",
    "var/cache/debconf/*-old",
    "var/cache/ldconfig/aux-cache",
    "var/lib/dpkg/*-old",
    "var/log/*.log",
    "var/log/apt/*",
)
_APT_CONFIGURATION = (
    'Acquire::Languages "none";\nAcquire::GzipIndexes "true";\nAPT::AutoRemove::SuggestsImportant "false";\n'
)
_LOG_LINES_SHOWN = 3


async def build(recipe: Recipe, root: Path, *, mirror: str | None = None) -> None:
    """Build the recipe into the empty directory `root`, owned as the packages say, ready to be a layer.

    `mirror` replaces the machine's own mirror. Cancelling stops the build and everything that it started.
    """
    if shutil.which("mmdebstrap") is None:
        raise ImageError(
            f"the recipe for {recipe.references[0]} needs mmdebstrap: install it (apt-get install mmdebstrap)"
        )
    with tempfile.TemporaryDirectory(prefix="recipe-") as folder:
        arguments = _command(recipe, root, Path(folder), mirror)
        status, log = await _run(arguments, _environment())
    if status:
        raise ImageError(f"building {recipe.references[0]} from Debian {recipe.suite} failed: {_excerpt(log)}")
    await asyncio.to_thread(_clean, root)


def _command(recipe: Recipe, root: Path, folder: Path, mirror: str | None) -> list[str]:
    """The whole command line. `folder` is for files that the hooks read."""
    sources = folder / "sources.list"
    sources.write_text(apt_sources(recipe.suite, mirror), encoding="utf-8")
    configuration = folder / "image.conf"
    options = acquire_options()
    configuration.write_text(_APT_CONFIGURATION + "".join(f"{line}\n" for line in options), encoding="utf-8")
    return [
        # The kernel ends the build with this process, and with the build all that it started and mounted.
        *("setpriv", "--pdeathsig", "KILL"),
        *("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
        *("mmdebstrap", "--mode=root", "--format=directory", "--variant=minbase", "--verbose"),
        # What packages make in /run belongs to the image: it is no file system of its own in a container.
        "--skip=cleanup/run",
        *(f"--aptopt={line}" for line in options),
        "--dpkgopt=force-unsafe-io",
        *(f"--dpkgopt=path-exclude={path}" for path in (*_EXCLUDED, *recipe.exclude)),
        *(f"--dpkgopt=path-include={path}" for path in _INCLUDED),
        *(f"--essential-hook={_in_root(text)}" for text in recipe.before),
        *([f"--include={','.join(recipe.packages)}"] if recipe.packages else []),
        *(f"--customize-hook={_in_root(text)}" for text in recipe.after),
        *(f"--customize-hook={hook}" for hook in _install_files(recipe, folder)),
        f'--customize-hook=install -D -m 0644 {shlex.quote(str(configuration))} "$1/etc/apt/apt.conf.d/50image"',
        recipe.suite,
        str(root),
        str(sources),
    ]


def _in_root(text: str) -> str:
    """A hook that runs a shell program in the new root."""
    return f'chroot "$1" sh -euc {shlex.quote(text)}'


def _install_files(recipe: Recipe, folder: Path) -> Iterator[str]:
    """Hooks that put the recipe's files in their places."""
    for number, file in enumerate(recipe.files):
        source = folder / f"file-{number}"
        source.write_bytes(file.content)
        yield f'install -D -m {file.mode:04o} {shlex.quote(str(source))} "$1"{shlex.quote(file.path)}'


def _environment() -> dict[str, str]:
    """What the build sees: proxies and certificates of the machine, nothing else of this process."""
    kept = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
    fixed = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LC_ALL": "C.UTF-8",
        "DEBIAN_FRONTEND": "noninteractive",
        "DEBCONF_NOWARNINGS": "yes",
    }
    return fixed | {name: os.environ[name] for name in kept if name in os.environ}


async def _run(arguments: list[str], environment: dict[str, str]) -> tuple[int, str]:
    """Run to the end; return the exit code and all output."""
    process = await asyncio.create_subprocess_exec(
        *arguments,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await asyncio.shield(process.wait())
    return process.returncode or 0, output.decode(errors="replace")


def _excerpt(log: str) -> str:
    """The lines of a failed build that say why, in one line: apt's errors, else what came before the first complaint."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("E: ")]
    own = [
        line for line in errors if not line.startswith(("E: setup failed", "E: run_chroot failed", "E: command failed"))
    ]
    if not own and errors:
        lines = lines[: lines.index(errors[0])]
    return "; ".join((own or lines)[-_LOG_LINES_SHOWN:]) or "no output"


def _clean(root: Path) -> None:
    """Remove what belongs to the building machine; devices are made by the container's runtime."""
    for pattern in _LEFT_OVERS:
        for path in root.glob(pattern):
            path.unlink()
    for path in (root / "dev").iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    # Whatever mounts a file here needs a file to mount it on.
    for name in ("etc/hostname", "etc/resolv.conf"):
        (root / name).touch(mode=0o644)
