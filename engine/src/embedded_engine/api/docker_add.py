"""ADD of a Dockerfile, for what is fetched: files of the web and git repositories."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from embedded_engine.api.values import SCRATCH, DirectoryValue
from embedded_engine.downloads import download
from embedded_engine.git_ssh import SshAccess, as_url
from embedded_engine.graph import Patch
from embedded_engine.graph.blobs import BlobFile
from embedded_engine.graph.git import GitTree, RemoteRepository

if TYPE_CHECKING:
    from embedded_engine.graph.graph import Graph
    from embedded_engine.images.steps import Remote

PERMISSIONS = 0o600


async def fetch(graph: Graph, remote: Remote, socket: str = "") -> DirectoryValue:
    """Where what is fetched lies: a file called as in its URL, or the directory of a checkout.

    `socket` is that of an SSH agent.
    """
    if remote.is_git:
        return await _checkout(graph, remote, socket)
    name = unquote(posixpath.basename(urlsplit(remote.url).path.rstrip("/"))).replace("/", "_") or "index"
    found = await download(graph.store, remote.url, checksum=remote.checksum)
    return DirectoryValue(Patch(SCRATCH, BlobFile(f"/{name}", found.digest, PERMISSIONS, found.modified)), f"/{name}")


async def _checkout(graph: Graph, remote: Remote, socket: str) -> DirectoryValue:
    url, _, fragment = remote.url.partition("#")
    ref, _, directory = fragment.partition(":")
    repository = RemoteRepository(as_url(url), ssh=SshAccess(socket))
    found = (await repository.refs(graph)).find(ref or "HEAD")
    tree = GitTree(repository, found, 1, not remote.keep_git_dir, False)
    return DirectoryValue(tree, posixpath.normpath(posixpath.join("/", directory)))
