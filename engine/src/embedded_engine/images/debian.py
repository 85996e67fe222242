"""Builds the layers of Debian recipes: the minimal system by `mmdebstrap`, what recipes add by its own `apt-get`.

Everything comes from the Debian mirror that the machine itself uses. A build runs in namespaces of its own, so that
the kernel ends it, and what it started and mounted, together with this process.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from embedded_engine.images.errors import ImageError
from embedded_engine.images.mirrors import acquire_options, apt_sources, is_for_this_machine_only
from embedded_engine.images.recipes import Delta, Recipe
from embedded_engine.store.errors import storage_errors
from embedded_engine.store.files import remove_tree
from embedded_engine.store.tree import Tree

if TYPE_CHECKING:
    from embedded_engine.store.store import Store

_ISOLATED = (
    *("setpriv", "--pdeathsig", "KILL"),
    *("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"),
)
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
# What belongs to the building machine, or says when the build was.
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
_PASSED_ON = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
_INSTALL = Path(__file__).with_name("rootfs") / "install.sh"
_LAYER_ID_LENGTH = 24
_LOG_LINES_SHOWN = 3


class DebianBuilder:
    """Makes layers in a store. `mirror` replaces the machine's own mirror."""

    def __init__(self, store: Store, mirror: str | None = None) -> None:
        self._store = store
        self._mirror = mirror
        self._shared: Path | None = None

    async def build(self, recipe: Recipe) -> Tree:
        """The recipe's layers; those that the store lacks are built, each once however many ask.

        Cancelling stops the build and everything that it started. Raises ImageError.
        """
        names = [f"recipe-{key[:_LAYER_ID_LENGTH]}" for key in recipe.keys]
        for number, name in enumerate(names):
            if self._store.layers.has(name):
                continue
            async with self._store.lock(f"layer:{name}"):
                if self._store.layers.has(name):
                    continue
                if number == 0:
                    await self._build_minimal(recipe, name)
                else:
                    await self._build_delta(recipe, recipe.deltas[number - 1], Tree(tuple(names[:number])), name)
        return Tree(tuple(names))

    async def _build_minimal(self, recipe: Recipe, name: str) -> None:
        """The suite's essential packages and apt."""
        if shutil.which("mmdebstrap") is None:
            image = recipe.references[0]
            raise ImageError(f"the recipe for {image} needs mmdebstrap: install it (apt-get install mmdebstrap)")
        options = await asyncio.to_thread(acquire_options)
        folder = self._store.scratch()
        try:
            with self._store.layers.stage() as staged:
                sources = folder / "sources.list"
                lines = await asyncio.to_thread(apt_sources, recipe.suite, self._mirror)
                if lines is not None:
                    sources.write_text(lines, encoding="utf-8")
                arguments = [
                    *("mmdebstrap", "--mode=root", "--format=directory", "--variant=minbase", "--verbose"),
                    # What packages make in /run belongs to the image: it is no file system of its own in a container.
                    # The package lists serve the recipes that are built on this one.
                    "--skip=cleanup/run,cleanup/apt/lists",
                    *(f"--aptopt={line}" for line in options),
                    "--dpkgopt=force-unsafe-io",
                    *(f"--dpkgopt=path-exclude={path}" for path in _EXCLUDED),
                    *(f"--dpkgopt=path-include={path}" for path in _INCLUDED),
                    *(recipe.suite, str(staged.fs)),
                    *([str(sources)] if lines is not None else []),
                ]
                await _run([*_ISOLATED, *arguments], recipe)
                with storage_errors("build an image"):
                    await asyncio.to_thread(self._finish_minimal, staged.fs, recipe.suite, options)
                staged.commit(name)
        finally:
            await asyncio.to_thread(remove_tree, folder)

    def _finish_minimal(self, root: Path, suite: str, options: list[str]) -> None:
        """Take the lists away for later builds, clean, configure apt."""
        lists = self._lists(suite)
        if not lists.exists():
            (root / "var/lib/apt/lists").rename(lists)
        else:
            remove_tree(root / "var/lib/apt/lists")
        (root / "var/lib/apt/lists").mkdir()
        _clean(root)
        lasting = [line for line in options if not is_for_this_machine_only(line)]
        text = _APT_CONFIGURATION + "".join(f"{line}\n" for line in lasting)
        (root / "etc/apt/apt.conf.d/50image").write_text(text, encoding="utf-8")
        remove_tree(root / "dev")
        (root / "dev").mkdir()
        # Whatever mounts a file here needs a file to mount it on.
        for path in ("etc/hostname", "etc/hosts", "etc/resolv.conf"):
            (root / path).touch(mode=0o644)

    async def _build_delta(self, recipe: Recipe, delta: Delta, base: Tree, name: str) -> None:
        """Packages and files on what is below, in an overlay whose upper directory becomes the layer."""
        options = await asyncio.to_thread(acquire_options)
        folder = self._store.scratch()
        lists = self._lists(recipe.suite)
        try:
            with self._store.layers.stage(self._store.layers.union(base)) as staged:
                _write_inputs(folder, delta, options)
                lowers = ":".join(self._relative(path) for path in reversed(self._store.layers.paths(base)))
                overlay = (
                    f"lowerdir={lowers},upperdir={self._relative(staged.fs)},workdir={self._relative(staged.work)}"
                    # Overlayfs refuses to be told both.
                    f",index=off,metacopy=off,{'userxattr' if self._store.rootless else 'redirect_dir=off'}"
                )
                arguments = ["sh", str(_INSTALL), str(folder), overlay, str(lists)]
                if delta.packages and not lists.exists():
                    # One build brings the lists up to date; they serve the session.
                    async with self._store.lock(f"apt-lists:{lists}"):
                        if not lists.exists():
                            await _run([*_ISOLATED, *arguments, "update"], recipe, self._store.root)
                await _run([*_ISOLATED, *arguments, "install", *delta.packages], recipe, self._store.root)
                with storage_errors("build an image"):
                    await asyncio.to_thread(_clean, staged.fs)
                staged.commit(name)
        finally:
            await asyncio.to_thread(remove_tree, folder)

    def _lists(self, suite: str) -> Path:
        """Where the package lists of a suite are for as long as the session lasts."""
        if self._shared is None:
            self._shared = self._store.scratch()
        return self._shared / f"lists-{suite}"

    def _relative(self, path: Path) -> str:
        """A path for overlayfs' options, in which commas and colons mean something: seen from the store's root."""
        return str(path.relative_to(self._store.root))


def _write_inputs(folder: Path, delta: Delta, options: list[str]) -> None:
    """What the installing script reads."""
    (folder / "apt.conf").write_text("".join(f"{line}\n" for line in options), encoding="utf-8")
    (folder / "excludes").write_text("".join(f"path-exclude={path}\n" for path in delta.exclude), encoding="utf-8")
    for name, program in (("before", delta.before), ("after", delta.after)):
        (folder / name).write_text(program, encoding="utf-8")
    files = folder / "files"
    for file in delta.files:
        place = files / file.path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(file.content)
        place.chmod(file.mode)
    if (certificates := Path(os.environ.get("SSL_CERT_FILE") or _CERTIFICATES)).is_file():
        shutil.copyfile(certificates, folder / "certificates")


async def _run(arguments: list[str], recipe: Recipe, directory: Path | None = None) -> None:
    """Run a step of a build to its end, with nothing of this process' environment but its proxies."""
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LC_ALL": "C.UTF-8",
        "DEBIAN_FRONTEND": "noninteractive",
        "DEBCONF_NOWARNINGS": "yes",
    }
    process = await asyncio.create_subprocess_exec(
        *arguments,
        cwd=directory,
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
    if process.returncode:
        reason = _excerpt(output.decode(errors="replace"))
        raise ImageError(f"building {recipe.references[0]} from Debian {recipe.suite} failed: {reason}")


def _excerpt(log: str) -> str:
    """The lines of a failed build that say why, in one line: apt's errors, else what came before the first complaint."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("E: ")]
    wrappers = ("E: setup failed", "E: run_chroot failed", "E: command failed")
    own = [line for line in errors if not line.startswith(wrappers)]
    if not own and errors:
        lines = lines[: lines.index(errors[0])]
    return "; ".join((own or lines)[-_LOG_LINES_SHOWN:]) or "no output"


def _clean(root: Path) -> None:
    """Remove what the build left over."""
    for pattern in _LEFT_OVERS:
        for path in root.glob(pattern):
            path.unlink()
