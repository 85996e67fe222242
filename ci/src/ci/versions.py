"""Versions, their notes and the changelog: commitizen in a container, over the history and the files at hand."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any, Final

import dagger
from dagger import ReturnType, dag

from ci import scripts
from ci.base import WORKDIR
from ci.errors import PipelineError
from ci.history import git, whole
from ci.policy.cuts import Increment, Prerelease, parse_wish, skips_taken
from ci.policy.errors import PolicyError
from ci.sources import VERSIONED
from ci.stage import with_wrapper
from ci.tools import with_tools

_PROGRAMS: Final = "/opt/ci"
_PACKAGE: Final = "versioning"
_ON_BRANCH: Final = "ref: refs/heads/"


class VersionRefused(PipelineError):  # noqa: N818 - what was asked for is refused
    """There is nothing to release, or the version asked for cannot be."""


async def next_version(source: dagger.Directory, history: dagger.Directory, prerelease: str, increment: str) -> str:
    """Name the version that would be cut now; VersionRefused when there is nothing to release."""
    wanted = wishes(prerelease, increment, await branch_of(history))
    asked = await ask(await workplace(source, history), "next", *wanted)
    return (await asked.stdout()).strip()


async def bump(
    source: dagger.Directory, history: dagger.Directory, prerelease: str, increment: str
) -> dagger.Changeset:
    """Give the changes that make the files at hand those of the next version; nothing is written here."""
    wanted = wishes(prerelease, increment, await branch_of(history))
    asked = await ask(await workplace(source, history), "bump", *wanted)
    changed = (await answer(asked))["files"]
    return asked.directory(WORKDIR).filter(include=changed).changes(source.filter(include=changed))


async def changelog(source: dagger.Directory, history: dagger.Directory) -> dagger.File:
    """Write the changelog anew, from the first version that HEAD contains to what is not released yet."""
    return await _written("CHANGELOG.md", await ask(await workplace(source, history), "changelog"))


async def release_notes(source: dagger.Directory, history: dagger.Directory, version: str) -> dagger.File:
    """Write the notes of one version, by its name or its tag's; of one without a tag the draft, for HEAD."""
    asked = await ask(await workplace(source, history), "notes", "--", version)
    return await _written(f"{version}.md", asked)


async def workplace(
    source: dagger.Directory, history: dagger.Directory, paths: Iterable[str] = VERSIONED
) -> dagger.Container:
    """Make the container where versions are worked on: files at hand and all of the history, in the work directory."""
    package = dag.directory()
    for program in files(scripts).joinpath(_PACKAGE).iterdir():
        if program.name.endswith(".py"):
            package = package.with_new_file(program.name, program.read_text(encoding="utf-8"))
    return (
        # Git first: it is installed once for this and for every other question to the history.
        git()
        .with_(with_tools(source, "versions"))
        .with_(with_wrapper)
        .with_directory(f"{_PROGRAMS}/{_PACKAGE}", package)
        .with_env_variable("PYTHONPATH", _PROGRAMS)
        .with_mounted_directory(WORKDIR, (await whole(history)).with_directory(".", source.filter(include=list(paths))))
        .with_workdir(WORKDIR)
    )


async def ask(container: dagger.Container, *arguments: str) -> dagger.Container:
    """Run the programs; VersionRefused with their one line when they refuse."""
    asked = container.with_exec(["python", "-m", _PACKAGE, *arguments], expect=ReturnType.ANY)
    if await asked.exit_code() != 0:
        said = (await asked.stderr()).strip().splitlines() or ["commitizen did not answer"]
        raise VersionRefused(said[-1])
    return asked


async def answer(asked: dagger.Container) -> dict[str, Any]:
    """Read what the programs answer to `bump` and `cut`."""
    made: dict[str, Any] = json.loads(await asked.stdout())
    return made


async def branch_of(history: dagger.Directory) -> str:
    """Name the branch that is checked out; empty where none is."""
    head = (await (await whole(history)).file(".git/HEAD").contents()).strip()
    return head.removeprefix(_ON_BRANCH) if head.startswith(_ON_BRANCH) else ""


def wishes(prerelease: str, increment: str, branch: str) -> list[str]:
    """Write what a person asks for as arguments, with the day, so that a kept result is never one of yesterday."""
    try:
        kind, counted = parse_wish(Prerelease, prerelease), parse_wish(Increment, increment)
    except PolicyError as error:
        raise VersionRefused(str(error)) from None
    return [
        *(["--skips-taken"] if skips_taken(branch) else []),
        *([f"--prerelease={kind}"] if kind else []),
        *([f"--increment={counted.upper()}"] if counted else []),
        f"--date={datetime.now(UTC).date().isoformat()}",
    ]


async def _written(name: str, asked: dagger.Container) -> dagger.File:
    return dag.directory().with_new_file(name, await asked.stdout()).file(name)
