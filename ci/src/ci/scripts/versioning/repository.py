"""Asks git about versions and commits, in the current directory."""

import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from commitizen.git import GitCommit
from semver import Version

LONGEST_VERSION: Final = 128

_COMMIT: Final = "%H%x00%s%x00%b%x00%an%x00%ae"


class Refused(Exception):  # noqa: N818 - what was asked for is refused, said to a person as it is
    """Nothing is done, for the reason that the one line gives."""


@dataclass(frozen=True)
class Release:
    """A version that has a tag."""

    version: Version
    date: str
    """The day of the tag, as YYYY-MM-DD."""

    @property
    def tag(self) -> str:
        """The name of the tag."""
        return f"v{self.version}"

    @property
    def is_stable(self) -> bool:
        """Whether it is no prerelease."""
        return not self.version.prerelease

    @property
    def ref(self) -> str:
        """The tag as git knows it, also where a branch has the same name."""
        return f"refs/tags/{self.tag}"


def _is_version(text: str) -> bool:
    # As the policy has it: the parser's digits are Unicode's, and `+build` is no image tag.
    return text.isascii() and len(text) <= LONGEST_VERSION and "+" not in text and Version.is_valid(text)


def parse_version(text: str) -> Version:
    """Read a version as the project's files have it, without `v`."""
    if not _is_version(text):
        raise Refused(
            f"version {text[:60]!a} is refused: expected X.Y.Z or X.Y.Z-prerelease, such as 1.4.2 or 1.5.0-rc.1"
        )
    return Version.parse(text)


class GitFailed(Refused):
    """Git ended with an error; the text is its own line, `output` what it printed before."""

    def __init__(self, command: str, output: str, said: str) -> None:
        lines = said.strip().splitlines() or ["it did not say why"]
        super().__init__(f"git {command}: {next((line for line in lines if line.startswith('fatal: ')), lines[0])}")
        self.output = output


def git(*arguments: str, environment: Mapping[str, str] = MappingProxyType({})) -> str:
    """Give what git prints; GitFailed when it fails. The environment is added to this process's."""
    # Modes depend on the file system that the files came by.
    settings = ("-c", "safe.directory=*", "-c", "core.fileMode=false", "-c", "core.quotePath=false")
    done = subprocess.run(
        ["git", *settings, *arguments], env={**os.environ, **environment}, capture_output=True, check=False
    )
    output = done.stdout.decode("utf-8", "replace")
    if done.returncode:
        raise GitFailed(arguments[0], output, done.stderr.decode("utf-8", "replace"))
    return output


def releases(contained_in: str = "") -> tuple[Release, ...]:
    """Collect the versions that are tagged, or those that a commit contains; the lowest first.

    Tags that name no version, such as `v1.2` or `nightly`, are left out.
    """
    merged = [f"--merged={contained_in}"] if contained_in else []
    lines = git("tag", "--list", *merged, "--format=%(refname:strip=2) %(creatordate:short)", "v*").splitlines()
    named = [(name[1:], date) for name, _, date in (line.rpartition(" ") for line in lines)]
    found = [Release(Version.parse(name), date) for name, date in named if _is_version(name)]
    return tuple(sorted(found, key=lambda release: release.version))


def commits(without: Iterable[str], until: str) -> list[GitCommit]:
    """Read the commits up to one that are not among those up to others, the newest first; merges are left out.

    Read here and not by commitizen, whose reading breaks at what looks like the end of a line or of a commit.
    """
    log = git(
        *("log", "-z", "--no-merges", "--topo-order", "--no-show-signature", f"--format={_COMMIT}"),
        *(until, *(f"^{commit}" for commit in without), "--"),
    )
    fields = iter(log.split("\0")[:-1])
    # The same iterator for every field: each commit takes the next five.
    return [GitCommit(*commit) for commit in zip(fields, fields, fields, fields, fields, strict=True)]
