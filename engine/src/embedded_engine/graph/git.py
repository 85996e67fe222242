"""Git repositories: in a directory of the graph or somewhere else; their refs, and checkouts as file systems."""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from embedded_engine.git_program import GitError, run_git
from embedded_engine.git_refs import Ref, Refs
from embedded_engine.git_ssh import SCHEME, SshAccess
from embedded_engine.graph.filesystem import Change
from embedded_engine.graph.identity import fingerprint
from embedded_engine.graph.node import FsNode
from embedded_engine.graph.process import Service
from embedded_engine.secrets import Secret
from embedded_engine.store import EMPTY, Kind, LayerWriter, Tree, Union
from embedded_engine.store.files import remove_tree

if TYPE_CHECKING:
    from embedded_engine.graph.graph import Graph

TEMPORARY_REF = "refs/engine/checkout"
DEFAULT_USER = "x-access-token"
# What lies in a checkout is as old as can be without being no time at all: some tools take the epoch for "missing".
CHECKOUT_TIME_NS = 1_000_000_000


@dataclass(frozen=True)
class LocalRepository:
    """A repository that is a directory of the graph: a work tree with its `.git`, or a git directory itself."""

    fs: FsNode
    path: str = "/"

    async def content_key(self, graph: Graph) -> str:
        """The key of the repository's content."""
        return await graph.content(self.fs, await self.git_directory(graph))

    async def git_directory(self, graph: Graph) -> str:
        """Where its git directory is."""
        union = await graph.union(self.fs)
        inner = f"{self.path.rstrip('/')}/.git"
        for place in (inner, self.path):
            if all(union.exists(f"{place}/{name}") for name in ("HEAD", "objects", "refs")):
                return place
        if union.exists(inner) and not union.stat(inner).is_dir:
            raise GitError("the directory is a linked work tree or a submodule: give the repository that it belongs to")
        raise GitError("not a git repository: the directory has no .git")

    @asynccontextmanager
    async def address(self, graph: Graph, commit: str = "") -> AsyncIterator[str]:
        """Where git can fetch from: a copy of the git directory that shares the store's files."""
        place = await self.git_directory(graph)

        async def make() -> Path:
            union = await graph.union(self.fs)
            return await asyncio.to_thread(_link_out, union, place, graph.store.scratch() / "repository")

        made = await graph.flight.run(fingerprint("git-directory", self.fs, place), make)
        yield os.fspath(made)

    async def refs(self, graph: Graph) -> Refs:
        """What it offers."""
        async with self.address(graph) as address:
            listing = await asyncio.to_thread(run_git, ["ls-remote", "--symref", address], Path(address))
        return Refs.parse(listing.decode("utf-8", "replace"))


@dataclass(frozen=True)
class RemoteRepository:
    """A repository by its URL. What was fetched once stays in a mirror in the store."""

    url: str
    username: str = ""
    token: Secret | None = None
    header: Secret | None = None
    service: Service | None = None
    ssh: SshAccess = field(default_factory=SshAccess)

    async def content_key(self, graph: Graph) -> str:
        """Commits are the same whoever serves them; which repository it was is in the checkout's configuration."""
        return fingerprint("git-url", self.url)

    async def refs(self, graph: Graph) -> Refs:
        """What it offers now. Asked once in a session."""

        async def ask() -> Refs:
            async with self._reached(graph) as remote:
                listing = await asyncio.to_thread(remote.git, ["ls-remote", "--symref", remote.url], graph.store.root)
            return Refs.parse(listing.decode("utf-8", "replace"))

        return await graph.flight.run(fingerprint("git-refs", self), ask)

    @asynccontextmanager
    async def address(self, graph: Graph, commit: str = "") -> AsyncIterator[str]:
        """The mirror, which has the commit."""
        mirror = graph.store.root / "git" / fingerprint("mirror", self.url)[:32]
        async with graph.store.lock(f"git:{mirror.name}"):
            if not await asyncio.to_thread(_has_commit, mirror, commit):
                async with self._reached(graph) as remote:
                    await asyncio.to_thread(_fetch, mirror, remote, commit)
            os.utime(mirror)  # when it was last used, for whoever makes room
            yield os.fspath(mirror)

    @asynccontextmanager
    async def _reached(self, graph: Graph) -> AsyncIterator[_Remote]:
        """How it is reached."""
        environment, header = await self._login(graph)
        if self.service is None:
            yield _Remote(self.url, environment, header)
            return
        from embedded_engine.service_access import tunnelled

        parts = urlsplit(self.url)
        port = parts.port or {"http": 80, "https": 443, "git": 9418, "ssh": 22}.get(parts.scheme, 80)
        user, at, _ = parts.netloc.rpartition("@")
        async with tunnelled(graph, self.service, parts.hostname or "", port) as local:
            yield _Remote(urlunsplit(parts._replace(netloc=f"{user}{at}{local}")), environment, header)

    async def _login(self, graph: Graph) -> tuple[dict[str, str], str]:
        """The environment and the HTTP header that log in."""
        if self.url.startswith(SCHEME):
            return self.ssh.environment(graph.store.scratch(), urlsplit(self.url).hostname or ""), ""
        if self.header is not None:
            value = (await graph.secrets.value(self.header)).decode("utf-8", "surrogateescape").strip()
        elif self.token is not None:
            token = await graph.secrets.value(self.token)
            pair = f"{self.username or DEFAULT_USER}:".encode() + token.strip()
            value = f"Basic {base64.b64encode(pair).decode()}"
        else:
            return {}, ""
        return {}, f"Authorization: {value}"


class _Remote(NamedTuple):
    """Where a repository is reached, and what logs in there."""

    url: str
    environment: dict[str, str]
    header: str

    def git(self, arguments: Sequence[str], folder: Path) -> bytes:
        """`run_git`, logged in."""
        return run_git(arguments, folder, environment=self.environment, header=self.header)


Repository = LocalRepository | RemoteRepository


@dataclass(frozen=True, eq=False)
class GitTree(FsNode):
    """The files of a commit; with the git directory unless it is discarded, `depth` commits deep (0: all of them)."""

    repository: Repository
    ref: Ref
    depth: int = 1
    discard_git_dir: bool = False
    include_tags: bool = False

    async def key(self, graph: Graph) -> str:
        if self.discard_git_dir:
            return fingerprint("git-files", self.ref.commit)
        settings = (self.ref, self.depth, self.include_tags)
        # Which tags come along depends on the tags that there are.
        refs = await self.repository.refs(graph)
        return fingerprint("git-tree", settings, await self.repository.content_key(graph), refs)

    async def build(self, graph: Graph) -> Tree:
        return await graph.patched(await graph.key(self), EMPTY, await _Checkout(self).prepare(graph))


@dataclass(frozen=True)
class _Checkout(Change):
    """Writes the files of a checkout to the root."""

    tree: GitTree

    async def inputs(self, graph: Graph) -> str:
        return await graph.key(self.tree)

    async def prepare(self, graph: Graph) -> Callable[[LayerWriter], None]:
        folder = await asyncio.to_thread(graph.store.scratch)
        tree = self.tree
        origin = tree.repository.url if isinstance(tree.repository, RemoteRepository) else ""
        async with tree.repository.address(graph, tree.ref.commit) as address:
            await asyncio.to_thread(_check_out, folder, address, origin, tree)

        def write(writer: LayerWriter) -> None:
            try:
                writer.copy_tree(Union((folder,)), "/", "/")
                writer.utime_all(CHECKOUT_TIME_NS)
            finally:
                remove_tree(folder)

        return write


async def common_ancestor(graph: Graph, first: tuple[Repository, str], second: tuple[Repository, str]) -> str:
    """The best common ancestor of two commits, each of its own repository."""
    folder = await asyncio.to_thread(graph.store.scratch)
    try:
        await asyncio.to_thread(run_git, ["init", "--bare", "-q", "."], folder)
        for repository, commit in (first, second):
            async with repository.address(graph, commit) as address:
                await asyncio.to_thread(run_git, ["fetch", "--no-tags", "-q", address, commit], folder)
        found = await asyncio.to_thread(run_git, ["merge-base", first[1], second[1]], folder)
        return found.decode().strip()
    finally:
        await asyncio.to_thread(remove_tree, folder)


def _check_out(folder: Path, address: str, origin: str, tree: GitTree) -> None:
    ref = tree.ref
    run_git(["-c", "init.defaultBranch=main", "init", "-q", "."], folder)
    depth = [f"--depth={tree.depth}"] if tree.depth > 0 else []
    tags = ["--tags"] if tree.include_tags else []
    command = ["fetch", "-q", "-u", *depth, *tags, f"file://{address}", f"{ref.commit}:{TEMPORARY_REF}"]
    run_git(command, folder)
    if ref.name:
        run_git(["update-ref", ref.name, ref.commit], folder)
        run_git(["checkout", "-q", ref.name.removeprefix("refs/heads/")], folder)
        run_git(["reset", "-q", "--hard", ref.commit], folder)
    else:
        run_git(["checkout", "-q", ref.commit], folder)
    if origin:
        run_git(["remote", "add", "origin", origin], folder)
    run_git(["update-ref", "-d", TEMPORARY_REF], folder)
    run_git(["reflog", "expire", "--all", "--expire=now"], folder)
    (folder / ".git/FETCH_HEAD").unlink(missing_ok=True)
    if (folder / ".gitmodules").exists():
        run_git(["submodule", "update", "--init", "--recursive", "--depth=1"], folder)
    if tree.discard_git_dir:
        shutil.rmtree(folder / ".git")
        return
    # The index remembers times and inodes of this very checkout: one without them is the same each time.
    run_git(["read-tree", "HEAD"], folder)


def _has_commit(mirror: Path, commit: str) -> bool:
    if not (mirror / "HEAD").exists():
        return False
    try:
        run_git(["cat-file", "-e", f"{commit}^{{commit}}"], mirror)
    except GitError:
        return False
    return True


def _fetch(mirror: Path, remote: _Remote, commit: str) -> None:
    """Bring a mirror up to date, and see that it has the commit."""
    mirror.mkdir(parents=True, exist_ok=True)
    if not (mirror / "HEAD").exists():
        run_git(["init", "--bare", "-q", "."], mirror)
    everything = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"]
    remote.git(["fetch", "-q", "--prune", "--force", remote.url, *everything], mirror)
    if not _has_commit(mirror, commit):
        remote.git(["fetch", "-q", remote.url, f"+{commit}:refs/engine/{commit}"], mirror)


def _link_out(union: Union, path: str, folder: Path) -> Path:
    """The files below a path as a directory of this machine that is only read: linked where that can be, else copied."""
    folder.mkdir(parents=True)
    for relative, node in union.walk(path):
        place = folder / relative
        if node.kind is Kind.DIRECTORY:
            place.mkdir()
        elif node.kind is Kind.SYMLINK:
            place.symlink_to(node.target)
        elif node.kind is Kind.FILE:
            try:
                place.hardlink_to(node.real)
            except OSError:
                shutil.copyfile(node.real, place)
    for name in ("objects", "refs"):
        (folder / name).mkdir(exist_ok=True)
    return folder
