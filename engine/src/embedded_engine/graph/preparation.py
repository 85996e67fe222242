"""From a process of the graph to a container of the sandbox: stacks, staged layers, mounts, account, names."""

from __future__ import annotations

import asyncio
import os
import posixpath
import secrets as random
import shutil
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

from embedded_engine import sandbox
from embedded_engine.errors import EngineError
from embedded_engine.graph.accounts import file_owner, process_account
from embedded_engine.graph.export import export_directory
from embedded_engine.graph.process import CacheMount, Process, SecretMount, Sharing, SocketMount, TmpfsMount, TreeMount
from embedded_engine.graph.sockets import shared_socket
from embedded_engine.store import LayerWriter, Union

if TYPE_CHECKING:
    from embedded_engine.graph.graph import Graph
    from embedded_engine.graph.output import Output
    from embedded_engine.graph.process import Mount
    from embedded_engine.store import StagedLayer, Tree

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class RedirectError(EngineError):
    """A stream that cannot come from, or go to, the file that is named for it."""


@dataclass
class Writable:
    """A stack that the process writes to: the layer beneath its hands, and what lies below that."""

    target: str
    root: str
    base: Union
    staged: StagedLayer

    def inside(self, path: str) -> str:
        """Where an absolute path of the container, which lies in this mount, is in its file system."""
        return posixpath.normpath(f"{self.root}/{path[len(self.target.rstrip('/')) :]}")


@dataclass
class Prepared:
    """A container ready to start. `directory` is scratch space that goes with the exit stack."""

    spec: sandbox.ContainerSpec
    directory: Path
    writables: tuple[Writable, ...]

    def spec_with(self, output: Output) -> sandbox.ContainerSpec:
        """The container with its output going to the pipes of `output`."""
        return replace(self.spec, stdout=output.pipe("stdout"), stderr=output.pipe("stderr"))

    def open_redirect(self, name: str, path: str) -> None:
        """Make or empty the file at an absolute path of the container that the stream `name` goes to.

        It belongs to the process's user alone unless it is there already; its directory must be there.
        """
        targets = [*(mount.target for mount in self.spec.mounts if _within(path, mount.target)), "/"]
        writable = next((each for each in self.writables if each.target == max(targets, key=len)), None)
        if writable is None:
            raise RedirectError(f'open redirect {name} file: cannot resolve path "{path}"')
        inside = writable.inside(path)
        view = LayerWriter(writable.base, writable.staged).view
        if not view.exists(posixpath.dirname(inside)):
            raise RedirectError(f"open redirect {name} file: open {path}: no such file or directory")
        if view.exists(inside) and view.stat(inside).is_dir:
            raise RedirectError(f"open redirect {name} file: open {path}: is a directory")
        self._write(writable, inside, b"")

    def redirect(self, path: str, source: Path) -> None:
        """Put a stream's bytes at an absolute path of the container, as if the process had written them there."""
        writable = _innermost(self.writables, path)
        with source.open("rb") as stream:
            self._write(writable, writable.inside(path), stream)

    def _write(self, writable: Writable, inside: str, content: bytes | BinaryIO) -> None:
        owner = (self.spec.uid, self.spec.gid)
        LayerWriter(writable.base, writable.staged).write(inside, content, mode=0o600, owner=owner, truncate=True)

    def commit(self) -> dict[str, str]:
        """Keep what was written: the id of a layer by the target of its mount, `/` for the root; none where empty."""
        changed = [each for each in self.writables if any(each.staged.fs.iterdir())]
        return {each.target: each.staged.commit() for each in changed}


async def prepare(
    graph: Graph, process: Process, stack: AsyncExitStack, *, redirect_stdin: str = "", hostname: str | None = None
) -> Prepared:
    """Make everything that `process` needs. What must be undone afterwards goes on `stack`."""
    trees = [each for each in process.mounts if isinstance(each, TreeMount)]
    rootfs, *mounted = await asyncio.gather(graph.tree(process.rootfs), *(graph.tree(mount.fs) for mount in trees))
    hosts = await stack.enter_async_context(graph.services.bound(process.bindings))
    directory = graph.store.scratch()
    stack.callback(shutil.rmtree, directory, ignore_errors=True)

    root = _writable(graph, stack, "/", "/", rootfs)
    writables = [root, *(_writable(graph, stack, m.target, m.path, t) for m, t in zip(trees, mounted, strict=True))]
    overlays = {
        each.target: _overlay(graph, each, tree) for each, tree in zip(writables, [rootfs, *mounted], strict=True)
    }
    account = process_account(root.base, process.user)
    mounts = [await _mount(graph, stack, mount, root.base, overlays) for mount in process.mounts]
    stdin: bytes | Path | None = process.stdin.encode() if process.stdin is not None else None
    if redirect_stdin:
        stdin = _stdin_file(redirect_stdin, writables)
    spec = sandbox.ContainerSpec(
        id=random.token_hex(8),
        rootfs=overlays["/"],
        args=process.args,
        stdout=directory / "stdout",
        stderr=directory / "stderr",
        env=await _environment(graph, process),
        cwd=process.cwd,
        uid=account.uid,
        gid=account.gid,
        groups=account.groups,
        mounts=tuple(mounts),
        hosts=hosts,
        hostname=hostname,
        init=not process.no_init,
        insecure_root_capabilities=process.insecure_root_capabilities,
        stdin=stdin,
        network=process.network,
    )
    stack.enter_context(graph.services.neighbours.present(spec.id, hosts))
    kept = tuple(
        each
        for each in writables
        if each.target == "/" or not next(mount for mount in trees if mount.target == each.target).read_only
    )
    return Prepared(spec, directory, kept)


def _writable(graph: Graph, stack: AsyncExitStack, target: str, root: str, tree: Tree) -> Writable:
    view = graph.view(tree)
    staged = graph.store.layers.stage(view)
    stack.callback(staged.abandon)
    return Writable(target, root, view, staged)


def _overlay(graph: Graph, writable: Writable, tree: Tree) -> sandbox.Overlay:
    lowers = tuple(graph.store.layers.path(layer) for layer in tree.layers)
    return sandbox.Overlay(lowers, writable.staged.fs, writable.staged.work)


async def _mount(
    graph: Graph,
    stack: AsyncExitStack,
    mount: Mount,
    root: Union,
    overlays: dict[str, sandbox.Overlay],
) -> sandbox.Mount:
    match mount:
        case TreeMount():
            return sandbox.OverlayMount(mount.target, overlays[mount.target], mount.path, mount.read_only)
        case CacheMount():
            return sandbox.BindMount(await _volume(graph, stack, mount, root), mount.target)
        case TmpfsMount():
            return sandbox.TmpfsMount(mount.target, mount.size or None)
        case SecretMount():
            uid, gid = file_owner(root, mount.owner) if mount.owner else (0, 0)
            value = await graph.secrets.value(mount.secret)
            return sandbox.SecretMount(mount.target, value, uid, gid, mount.mode)
        case SocketMount():
            owner = file_owner(root, mount.owner) if mount.owner else None
            place = await stack.enter_async_context(shared_socket(Path(mount.path), owner))
            return sandbox.SocketMount(place, mount.target)


async def _volume(graph: Graph, stack: AsyncExitStack, mount: CacheMount, root: Union) -> Path:
    """The volume's directory, filled and owned as asked on its first use; with others or alone, as its sharing says."""
    source = await graph.union(mount.source) if mount.source else None
    owner = file_owner(root, mount.owner) if mount.owner else None

    def fill(place: Path) -> None:
        if source is not None:
            export_directory(source, mount.source_path, place, owners=True)
        if owner is not None:
            _give_away(place, owner)
        if mount.mode is not None:
            place.chmod(mount.mode)

    # What takes turns does so in the order in which executions come; PRIVATE too, as the real engine has it today.
    sharing: Literal["SHARED", "LOCKED"] = "SHARED" if mount.sharing is Sharing.SHARED else "LOCKED"
    return await stack.enter_async_context(graph.store.volumes.use(mount.volume, sharing, fill))


def _give_away(place: Path, owner: tuple[int, int]) -> None:
    """Change the owner of a directory and everything in it."""
    os.chown(place, *owner)
    for parent, directories, files in os.walk(place):
        for name in (*directories, *files):
            os.chown(Path(parent) / name, *owner, follow_symlinks=False)


async def _environment(graph: Graph, process: Process) -> tuple[tuple[str, str], ...]:
    """The process's variables, a PATH if it has none, then its secrets."""
    env = process.env if any(name == "PATH" for name, _ in process.env) else (*process.env, ("PATH", DEFAULT_PATH))
    secrets = [(name, await graph.secrets.value(secret)) for name, secret in process.secret_env]
    env = (*env, *process.volatile_env)
    return (*env, *((name, value.decode("utf-8", "surrogateescape")) for name, value in secrets))


def _stdin_file(path: str, writables: list[Writable]) -> Path:
    """The file of the container that the process reads as its standard input."""
    covering = _innermost(writables, path)
    inside = covering.inside(path)
    if not covering.base.exists(inside):
        raise RedirectError(f"open redirect stdin file: open {path}: no such file or directory")
    return covering.base.stat(inside).real


def _innermost(writables: Iterable[Writable], path: str) -> Writable:
    """The stack that an absolute path of the container lies in; the root covers what no mount does."""
    return max((each for each in writables if _within(path, each.target)), key=lambda each: len(each.target))


def _within(path: str, target: str) -> bool:
    return target == "/" or path == target or path.startswith(f"{target}/")
