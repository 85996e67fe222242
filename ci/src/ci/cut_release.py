"""Cuts a version: its commit and its tag reach the remote in one push, or not at all."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit
from uuid import uuid4

import dagger
from semver import Version

from ci.policy.cuts import refused_line, refused_version
from ci.policy.errors import PolicyError, shown
from ci.policy.refs import Branch, parse_branch
from ci.sources import ALLOWED
from ci.stage import Step
from ci.versions import VersionRefused, answer, ask, branch_of, wishes, workplace

AUTHOR: Final = "ci <ci@localhost>"
"""Who cuts a version where nobody is named."""

_AUTHOR: Final = re.compile(r"(?P<name>[^<>\x00-\x1f]+) <(?P<address>[^<>\s]+@[^<>\s]+)>")
_TOKEN: Final = "CI_TOKEN"  # noqa: S105 - the name of a variable


@dataclass(frozen=True)
class Remote:
    """Where the version is pushed to. VersionRefused when a token would not be safe there."""

    url: str
    token: dagger.Secret | None = None
    service: dagger.Service | None = None
    """A remote that only the engine reaches; the URL's host is its name."""

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("https", "http") or not parts.hostname:
            raise VersionRefused(
                "a remote is https://HOST/OWNER/NAME.git (by ssh: bump, commit, tag, git push --atomic)"
            )
        if parts.username or parts.password:
            raise VersionRefused("a remote's URL names nobody: give the token by --token=env:NAME")
        if parts.scheme == "http" and self.token is not None and self.service is None:
            raise VersionRefused(f"a token is sent by https only, and {self.url} is not")

    def joined_to(self, container: dagger.Container) -> dagger.Container:
        """Let a container reach the remote; the token is a variable of its processes and of nothing else."""
        if self.service is not None:
            container = container.with_service_binding(urlsplit(self.url).hostname or "", self.service)
        return container if self.token is None else container.with_secret_variable(_TOKEN, self.token)


async def cut_release(
    source: dagger.Directory,
    history: dagger.Directory,
    remote: Remote,
    *,
    branch: str = "",
    author: str = AUTHOR,
    prerelease: str = "",
    increment: str = "",
) -> str:
    """Cut the next version of the branch, and say so; VersionRefused or HistoryError in one line, then nothing is done."""
    line = await _line(history, branch)
    place = (await workplace(source, history, ALLOWED)).with_(_by(author))
    cut = await ask(place, "cut", *wishes(prerelease, increment, line.name), *(f"--path={path}" for path in ALLOWED))
    made = await answer(cut)
    if why := refused_version(line, Version.parse(made["current"]), Version.parse(made["target"])):
        raise VersionRefused(why)
    version = made["target"]
    # A push is never taken from an earlier run.
    pushed = remote.joined_to(cut).with_env_variable("CI_PUSH", str(uuid4()))
    await ask(pushed, "push", f"--remote={remote.url}", f"--branch={line}", f"--version={version}")
    return f"v{version} is cut on {line}, and its tag releases it; git pull --tags brings both here"


async def _line(history: dagger.Directory, branch: str) -> Branch:
    """Find the branch that is cut on: the one that is named, else the one that is checked out."""
    name = branch or await branch_of(history)
    if not name:
        raise VersionRefused("no branch is checked out: name it by --branch")
    try:
        line = parse_branch(name)
    except PolicyError as error:
        raise VersionRefused(str(error)) from None
    if why := refused_line(line):
        raise VersionRefused(why)
    return line


def _by(author: str) -> Step:
    """Say who makes the commit and the tag."""
    person = _AUTHOR.fullmatch(author)
    if person is None:
        raise VersionRefused(f"author {shown(author)} is refused: expected NAME <ADDRESS>, such as {AUTHOR}")
    return lambda container: (
        container.with_env_variable("GIT_AUTHOR_NAME", person["name"])
        .with_env_variable("GIT_AUTHOR_EMAIL", person["address"])
        .with_env_variable("GIT_COMMITTER_NAME", person["name"])
        .with_env_variable("GIT_COMMITTER_EMAIL", person["address"])
    )
