"""From a process of the graph to a container of the sandbox: stacks, staged layers, mounts, account, names."""

from __future__ import annotations

import asyncio
import os
import secrets as random
import shutil
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from embedded_engine import sandbox
from embedded_engine.errors import EngineError
from embedded_engine.graph.accounts import file_owner, process_account
from embedded_engine.graph.export import export_directory
from embedded_engine.graph.identity import fingerprint
from embedded_engine.graph.process import CacheMount, Process, SecretMount, Sharing, SocketMount, TmpfsMount, TreeMount
from embedded_engine.graph.redirects import Files, Writable
from embedded_engine.graph.sockets import shared_socket

if TYPE_CHECKING:
    from embedded_engine.graph.graph import Graph
    from embedded_engine.graph.output import Output
    from embedded_engine.graph.process import Mount
    from embedded_engine.store import Tree, Union

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class MountError(EngineError):
    """Something that cannot be mounted as it was asked."""


@dataclass
class Prepared:
    """A container ready to start. `directory` is scratch space that goes with the exit stack."""

    spec: sandbox.ContainerSpec
    directory: Path
    stacks: tuple[Writable, ...]

    @property
    def files(self) -> Files:
        """The container's files that its streams can be redirected to."""
        return Files(self.stacks, self.spec.mounts, (self.spec.uid, self.spec.gid))

    def spec_with(self, output: Output) -> sandbox.ContainerSpec:
        """The container with its output going to the pipes of `output`."""
        return replace(self.spec, stdout=output.pipe("stdout"), stderr=output.pipe("stderr"))

    def commit(self) -> dict[str, str]:
        """Keep what was written: the id of a layer by the target of its mount, `/` for the root; none where empty."""
        changed = [each for each in self.stacks if not each.read_only and any(each.staged.fs.iterdir())]
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

    for mount, tree in zip(trees, mounted, strict=True):
        if mount.target == "/":
            raise MountError("nothing can be mounted over / by the embedded engine: use withRootfs, or dagger call")
        if mount.is_file and graph.view(tree).stat(mount.path).is_dir:
            raise MountError(f"path {mount.path.lstrip('/')} is a directory, not a file")
    root = _stack(graph, stack, "/", "/", rootfs)
    stacks = [root]
    for mount, tree in zip(trees, mounted, strict=True):
        stacks.append(_stack(graph, stack, mount.target, mount.path, tree, read_only=mount.read_only))
    overlays = {each.target: _overlay(graph, each, tree) for each, tree in zip(stacks, [rootfs, *mounted], strict=True)}
    account = process_account(root.base, process.user)
    mounts = [await _mount(graph, stack, mount, root.base, overlays) for mount in process.mounts]
    stdin: bytes | Path | None = process.stdin.encode() if process.stdin is not None else None
    if redirect_stdin:
        stdin = Files(tuple(stacks), tuple(mounts)).source(redirect_stdin)
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
    return Prepared(spec, directory, tuple(stacks))


def _stack(
    graph: Graph, stack: AsyncExitStack, target: str, root: str, tree: Tree, *, read_only: bool = False
) -> Writable:
    view = graph.view(tree)
    staged = graph.store.layers.stage(view)
    stack.callback(staged.abandon)
    return Writable(target, root, view, staged, read_only)


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
            return sandbox.TmpfsMount(mount.target, mount.size if mount.size > 0 else None)
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
    volume = mount.volume
    if mount.apart and (mount.source or owner or mount.sharing is not Sharing.SHARED):
        content = await graph.content(mount.source, mount.source_path) if mount.source else ""
        volume = fingerprint("volume", volume, content, owner, mount.sharing)

    def fill(place: Path) -> None:
        if source is not None:
            export_directory(source, mount.source_path, place, owners=True)
        if owner is not None:
            _give_away(place, owner)
        if mount.mode is not None:
            place.chmod(mount.mode)

    # What takes turns does so in the order in which executions come; PRIVATE too, as the real engine has it today.
    sharing: Literal["SHARED", "LOCKED"] = "SHARED" if mount.sharing is Sharing.SHARED else "LOCKED"
    return await stack.enter_async_context(graph.store.volumes.use(volume, sharing, fill))


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
