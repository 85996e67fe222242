"""The repository's history: a checkout with all of it, the files of a commit, and the facts that decisions need.

A history is the directory that holds `.git`, of which only objects and refs are read. So a tree without history and a
clone without all of it are told from a whole one, in one line, by those who need it, and nobody else is disturbed.
"""

import json
from dataclasses import dataclass
from typing import Annotated, Final

import dagger
from dagger import DefaultPath, Doc, Ignore, ReturnType, dag

from ci import images, sources
from ci.debian import with_packages
from ci.errors import NotRun, PipelineError
from ci.policy.succession import Difference
from ci.scripts import text_of
from ci.stage import Step

History = Annotated[
    dagger.Directory,
    DefaultPath("/"),
    Ignore(sources.HISTORY_IGNORED),
    Doc("The repository whose history is read: all commits and tags, nothing of its configuration"),
]

CHECKOUT: Final = "/work"
_FILES: Final = "/files"
_GIT: Final = "git -c safe.directory=*"
_SCRIPT: Final = "/opt/ci/read_history.py"


class HistoryError(PipelineError):
    """The history cannot be used, or lacks what was asked for."""


class MissingHistoryError(HistoryError, NotRun):
    """There is no history, or not all of it; a suite tells it of the checks that read it, and makes all others."""


@dataclass(frozen=True)
class Past:
    """What git says about a commit and how it came."""

    commit: str
    """Its full hash."""
    tags: tuple[str, ...]
    """All of the repository's."""
    containing: tuple[str, ...]
    """Branches that it is part of, on this machine or at its origin."""
    commits: tuple[str, ...]
    """Messages of what came with it, the newest first."""
    fork_point: str = ""
    """The newest commit that it has in common with its base; empty without a base."""
    left: int | None = None
    """When the first commit after the fork point was made, in seconds since the epoch."""
    added: tuple[str, ...] = ()
    """Files below the folder that was asked about, which the fork point does not have."""

    @classmethod
    def parse(cls, text: str) -> "Past":
        """Read what the script prints."""
        facts = json.loads(text)
        texts = {name: tuple(facts[name]) for name in ("tags", "containing", "commits", "added")}
        return cls(commit=facts["commit"], fork_point=facts["fork_point"], left=facts["left"], **texts)


def with_git(container: dagger.Container) -> dagger.Container:
    """Add git, where the image is made from Debian."""
    return container.with_(with_packages(images.GIT))


def git() -> dagger.Container:
    """Python and git, to ask a history."""
    return dag.container().from_(images.PYTHON).with_(with_git)


async def whole(history: dagger.Directory) -> dagger.Directory:
    """Give the history back when it is one with every commit; MissingHistoryError says what to do about any other."""
    inside = {name.rstrip("/") for name in await history.glob(".git/*")}
    # Asked only here: each stage that reads the history asks whether it is whole.
    if ".git/HEAD" not in inside and not await history.glob(".git*"):
        raise MissingHistoryError("this is no git repository: clone it, an archive of its files has no history")
    if ".git/HEAD" not in inside:
        raise MissingHistoryError(
            "this is a linked work tree: its history is in the repository that it belongs to; run there"
        )
    if ".git/shallow" in inside:
        raise MissingHistoryError("the clone is shallow: git fetch --unshallow --tags (on a runner: fetch-depth: 0)")
    return history


def at(history: dagger.Directory, commit: str) -> dagger.Directory:
    """Give the history as it is where the commit, by its full hash, is checked out."""
    return history.with_new_file(".git/HEAD", f"{commit}\n")


async def checkout(history: dagger.Directory) -> dagger.Directory:
    """Give the files of HEAD together with `.git`: the whole log, all tags, every branch; nothing is modified."""
    # The index of the first command remembers times and inodes; that of the second is the same each time.
    tree = (await _opened(history)).with_(_asked(f"{_GIT} reset -q --hard && {_GIT} read-tree HEAD"))
    return (await _answered(tree)).directory(CHECKOUT)


async def files_of(history: dagger.Directory, commit: str) -> dagger.Directory:
    """Give the files of a commit, without its history; HistoryError when there is no such commit."""
    known = f'{_GIT} rev-parse -q --verify "$0^{{commit}}" >&2 || {{ echo "the history has no commit $0" >&2; false; }}'
    write = f'{_GIT} read-tree "$0" && {_GIT} checkout-index --all --prefix="{_FILES}/"'
    written = (await _opened(history)).with_(_asked(f"{{ {known}; }} && {write}", commit))
    return (await _answered(written)).directory(_FILES)


async def difference(history: dagger.Directory, commit: str, other: str) -> Difference | None:
    """Count the commits that only one of two contains, by their full hashes; None when the history lacks the other."""
    known = f'{_GIT} rev-parse -q --verify "$1^{{commit}}" >/dev/null'
    count = f'{_GIT} rev-list --count --left-right "$0...$1"'
    counted = (await _opened(history)).with_(_asked(f"if {known}; then {count}; fi", commit, other))
    counts = (await (await _answered(counted)).stdout()).split()
    return Difference(*map(int, counts)) if counts else None


async def past_of(history: dagger.Directory, *names: str, base: str = "", before: str = "", below: str = "") -> Past:
    """Ask the history about the first commit that one of the names stands for, else about HEAD.

    `base` is the branch that a proposal changes, `before` the commit that a push found, `below` the folder whose new
    files a proposal is asked about.
    """
    asked = [("commit", name) for name in names] + [("base", base), ("before", before), ("below", below)]
    answer = (
        (await _opened(history))
        .with_new_file(_SCRIPT, text_of("read_history.py"))
        .with_exec(
            ["python", _SCRIPT, CHECKOUT, *(f"--{option}={value}" for option, value in asked if value)],
            expect=ReturnType.ANY,
        )
    )
    return Past.parse(await (await _answered(answer)).stdout())


async def _opened(history: dagger.Directory) -> dagger.Container:
    return git().with_mounted_directory(CHECKOUT, await whole(history)).with_workdir(CHECKOUT)


def _asked(line: str, *arguments: str) -> Step:
    # git ends with 128 when it refuses, which is beyond the exit codes that `expect` covers.
    return lambda container: container.with_exec(["sh", "-c", f"{line} || exit 1", *arguments], expect=ReturnType.ANY)


async def _answered(container: dagger.Container) -> dagger.Container:
    if await container.exit_code() != 0:
        said = (await container.stderr()).strip().splitlines() or ["git did not answer"]
        raise HistoryError(said[-1])
    return container
