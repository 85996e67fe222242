"""GitRepository and GitRef: repositories of the machine, of directories and of the network; refs and checkouts."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

from embedded_engine.api.changeset import ChangesetValue
from embedded_engine.api.socket import SocketValue
from embedded_engine.api.values import DirectoryValue, SecretValue, ServiceValue
from embedded_engine.binding import RequestContext, field
from embedded_engine.git_program import GitError
from embedded_engine.git_refs import Ref, Refs, is_commit
from embedded_engine.git_ssh import SshAccess, as_url
from embedded_engine.graph import Patch
from embedded_engine.graph.git import GitTree, LocalRepository, RemoteRepository, Repository, common_ancestor
from embedded_engine.graph.git_clean import DiscardUncommitted
from embedded_engine.logins import split_login

_HOST = re.compile(r"^[\w-]+(?:\.[\w-]+)+(?::\d+)?/")


@dataclass(frozen=True)
class GitRepositoryValue:
    """A repository and what it offered when it was looked at."""

    TYPE: ClassVar[str] = "GitRepository"

    repository: Repository
    refs: Refs
    keep_git_dir: bool = True


@dataclass(frozen=True)
class GitRefValue:
    """A commit of a repository, and the name that it was found by."""

    TYPE: ClassVar[str] = "GitRef"

    repository: GitRepositoryValue
    ref: Ref


@field("Query", "git")
async def git(
    ctx: RequestContext,
    self: object,
    *,
    url: str,
    keep_git_dir: bool = True,
    ssh_known_hosts: str = "",
    ssh_auth_socket: SocketValue | None = None,
    http_auth_username: str = "",
    http_auth_token: SecretValue | None = None,
    http_auth_header: SecretValue | None = None,
    experimental_service_host: ServiceValue | None = None,
) -> GitRepositoryValue:
    address, login = split_login(_address(ctx, url))
    token = http_auth_token.secret if http_auth_token else None
    if login is not None and token is None and http_auth_header is None:
        # A login in the URL would be seen in git's arguments and errors, and in a checkout's configuration.
        http_auth_username, token = login.username, ctx.engine.secrets.set("login of a repository", login.password)
    bound = experimental_service_host
    service = bound.contained if bound is not None else ctx.engine.services.named(urlsplit(address).hostname or "")
    repository = RemoteRepository(
        address,
        http_auth_username,
        token,
        http_auth_header.secret if http_auth_header else None,
        service,
        SshAccess(ssh_auth_socket.path if ssh_auth_socket else "", ssh_known_hosts),
    )
    return GitRepositoryValue(repository, await repository.refs(ctx.engine.graph), keep_git_dir)


@field("Directory", "asGit")
async def as_git(ctx: RequestContext, self: DirectoryValue) -> GitRepositoryValue:
    repository = LocalRepository(self.fs, self.path)
    return GitRepositoryValue(repository, await repository.refs(ctx.engine.graph))


@field("GitRepository", "url")
def url_of(ctx: RequestContext, self: GitRepositoryValue) -> str | None:
    return self.repository.url if isinstance(self.repository, RemoteRepository) else None


@field("GitRepository", "head")
def head(ctx: RequestContext, self: GitRepositoryValue) -> GitRefValue:
    return GitRefValue(self, self.refs.find("HEAD"))


@field("GitRepository", "ref")
def ref(ctx: RequestContext, self: GitRepositoryValue, *, name: str) -> GitRefValue:
    return GitRefValue(self, self.refs.find(name))


@field("GitRepository", "branch")
def branch(ctx: RequestContext, self: GitRepositoryValue, *, name: str) -> GitRefValue:
    return GitRefValue(self, self.refs.find(f"refs/heads/{name.removeprefix('refs/heads/')}"))


@field("GitRepository", "tag")
def tag(ctx: RequestContext, self: GitRepositoryValue, *, name: str) -> GitRefValue:
    return GitRefValue(self, self.refs.find(f"refs/tags/{name.removeprefix('refs/tags/')}"))


@field("GitRepository", "commit")
def commit(ctx: RequestContext, self: GitRepositoryValue, *, id: str) -> GitRefValue:
    if not is_commit(id):
        raise GitError(f'invalid commit SHA: "{id}"')
    return GitRefValue(self, Ref(id))


@field("GitRepository", "latestVersion")
def latest_version(ctx: RequestContext, self: GitRepositoryValue) -> GitRefValue:
    return GitRefValue(self, self.refs.latest_version())


@field("GitRepository", "tags")
def tags(ctx: RequestContext, self: GitRepositoryValue, *, patterns: tuple[str, ...] = ()) -> tuple[str, ...]:
    return self.refs.tags(patterns)


@field("GitRepository", "branches")
def branches(ctx: RequestContext, self: GitRepositoryValue, *, patterns: tuple[str, ...] = ()) -> tuple[str, ...]:
    return self.refs.branches(patterns)


@field("GitRepository", "uncommitted")
async def uncommitted(ctx: RequestContext, self: GitRepositoryValue) -> ChangesetValue:
    """What differs from the last commit in the work tree; nothing in a repository that has none."""
    repository = self.repository
    if isinstance(repository, RemoteRepository):
        return ChangesetValue(DirectoryValue(), DirectoryValue())
    dirty = DirectoryValue(repository.fs, repository.path)
    if await repository.git_directory(ctx.engine.graph) == repository.path:
        return ChangesetValue(dirty, dirty)
    cleaned = Patch(repository.fs, DiscardUncommitted(repository.fs, repository.path))
    return ChangesetValue(replace(dirty, fs=cleaned), dirty)


@field("GitRef", "ref")
def name_of(ctx: RequestContext, self: GitRefValue) -> str:
    return self.ref.name or self.ref.commit


@field("GitRef", "commit")
def commit_of(ctx: RequestContext, self: GitRefValue) -> str:
    return self.ref.commit


@field("GitRef", "tree")
def tree(
    ctx: RequestContext,
    self: GitRefValue,
    *,
    discard_git_dir: bool = False,
    depth: int = 1,
    include_tags: bool = False,
) -> DirectoryValue:
    discard = discard_git_dir or not self.repository.keep_git_dir
    return DirectoryValue(GitTree(self.repository.repository, self.ref, depth, discard, include_tags))


@field("GitRef", "commonAncestor")
async def common_ancestor_of(ctx: RequestContext, self: GitRefValue, *, other: GitRefValue) -> GitRefValue:
    sides = [(each.repository.repository, each.ref.commit) for each in (self, other)]
    return GitRefValue(self.repository, Ref(await common_ancestor(ctx.engine.graph, *sides)))


def _address(ctx: RequestContext, url: str) -> str:
    """A URL, or a path of this machine, as git takes it. A bare host and path is asked by HTTPS."""
    url = as_url(url)
    if "://" in url:
        return url
    if _HOST.match(url) and not Path(ctx.engine.workdir, url).exists():
        return f"https://{url}"
    place = Path(ctx.engine.workdir, Path(url).expanduser())
    if not place.exists():
        raise GitError(f"git: {url} is neither a URL nor a directory of this machine")
    return str(place.resolve())
