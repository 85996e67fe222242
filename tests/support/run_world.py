"""What a run works on and what it changes: a repository, a small pipeline, a registry, a GitHub and a platform."""

import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import dagger
from dagger import dag

from ci import images
from ci.event import Event
from ci.leave import Outside, github
from ci.policy.commits import names_pull_request
from ci.policy.suites import ALONE, Suite, stages_of
from ci.registry import Repository
from ci.run import Pipeline, run
from ci.sources import HISTORY_IGNORED, IGNORED, TOOLS
from ci.stage import recorded, with_wrapper
from ci.target import PublishedImage, Target, TargetFailed
from github_server import REPOSITORY, TOKEN, GitHubServer
from registry import LocalRegistry

ROOT = Path(__file__).parents[2]
_NUMBERS = count()
_GIT = {
    **os.environ,
    **{f"GIT_{who}_{what}": "test@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


class Clone:
    """A git repository on this machine."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._minutes = 0
        path.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "--initial-branch=main")

    def git(self, *arguments: str, **environment: str) -> str:
        """Run git; gives what it prints."""
        done = subprocess.run(
            ["git", *arguments], cwd=self.path, env=_GIT | environment, check=True, stdout=subprocess.PIPE, text=True
        )
        return done.stdout.strip()

    def commit(self, message: str, **files: str) -> str:
        """Commit everything, with these files written first (`a__b_py` is `a/b.py`); gives the commit's hash."""
        for name, text in files.items():
            place = self.path / name.replace("__", "/").replace("_py", ".py")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        self.git("add", "--all")
        # The same commit each time that a test runs: what its stages come to is in the store by then.
        self._minutes += 1
        dated = {f"GIT_{who}_DATE": f"2026-01-01T00:{self._minutes:02}:00Z" for who in ("AUTHOR", "COMMITTER")}
        self.git("commit", "-q", "--allow-empty", "-m", message, **dated)
        return self.git("rev-parse", "HEAD")

    @property
    def source(self) -> dagger.Directory:
        """What the functions see of its files."""
        return dag.host().directory(str(self.path), exclude=IGNORED, no_cache=True)

    @property
    def history(self) -> dagger.Directory:
        """What the functions see of its history."""
        return dag.host().directory(str(self.path), exclude=HISTORY_IGNORED, no_cache=True)


def small_project(path: Path) -> Clone:
    """A repository of a few files, with the settings and the tools that notes need."""
    clone = Clone(path)
    for name in ("pyproject.toml", f"{TOOLS}/pyproject.toml", f"{TOOLS}/uv.lock"):
        place = path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, place)
    clone.commit("chore: begin", src__app__main_py="one\n")
    return clone


class World:
    """What is outside: how a run reaches it, and what a test sees of it."""

    def __init__(self, registry: LocalRegistry, server: GitHubServer) -> None:
        self.name = f"team/world-{next(_NUMBERS)}"
        self.registry = registry
        self.server = server
        self.platform = Platform()

    @property
    def images(self) -> Repository:
        """The registry, as the functions are told of it."""
        service = dag.host().service([dagger.PortForward(backend=self.registry.port, frontend=self.registry.port)])
        return Repository(f"localhost:{self.registry.port}/{self.name}", service=service)

    @property
    def tags(self) -> dict[str, str]:
        """What is published."""
        return self.registry.tags(self.name)

    def outside(self, *, images: bool = True, writes: bool = True, platform: Target | None = None) -> Outside:
        """What a run may change."""
        token = dag.set_secret(f"token-{next(_NUMBERS)}", TOKEN) if writes else None
        return Outside(
            registry=self.images if images else None,
            github=github(REPOSITORY, token, self.server.url),
            target=platform or self.platform,
            page="https://example.com/runs/1",
        )


def push(branch: str, commit: str = "") -> Event:
    """A push to a branch."""
    return Event("push", f"refs/heads/{branch}", commit=commit, repository=REPOSITORY)


def tagged(tag: str, commit: str = "") -> Event:
    """A pushed tag."""
    return Event("push", f"refs/tags/{tag}", commit=commit, repository=REPOSITORY)


def pull_request(head: str, base: str, head_repository: str = REPOSITORY, title: str = "feat: a thing") -> Event:
    """A pull request."""
    return Event(
        "pull_request",
        "refs/pull/7/merge",
        base_ref=base,
        head_ref=head,
        repository=REPOSITORY,
        head_repository=head_repository,
        title=title,
    )


def mirror(clone: Clone, server: GitHubServer) -> None:
    """Push everything: GitHub has the clone's commits, branches and tags, and has merged what a message says so of."""
    for line in clone.git("log", "--all", "--format=%H %P").splitlines():
        commit, *parents = line.split()
        server.state.parents[commit] = tuple(parents)
    for line in clone.git("log", "--all", "--format=%H %s").splitlines():
        commit, subject = line.split(" ", 1)
        if names_pull_request(subject):
            server.state.merged[commit] = "main"
    for line in clone.git("for-each-ref", "--format=%(objectname) %(refname)").splitlines():
        commit, ref = line.split()
        server.state.refs[ref] = commit


class Platform:
    """A target that only remembers; what it is given was pulled from the registry."""

    name = "staging"

    def __init__(self) -> None:
        self.deployed: list[str] = []
        self.broken = False

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Nobody else is there."""
        yield

    async def current(self) -> str | None:
        """The last one."""
        return self.deployed[-1] if self.deployed else None

    async def migrate(self, image: PublishedImage) -> None:
        """There is no database."""

    async def replace(self, image: PublishedImage) -> None:
        """The image is what was published."""
        assert await image.container.label("org.opencontainers.image.revision")

    async def probe(self) -> None:
        """It serves, unless a test says otherwise."""
        if self.broken:
            raise TargetFailed("it answers 500")

    async def record(self, digest: str) -> None:
        """Remember."""
        self.deployed.append(digest)


class SmallPipeline:
    """A module whose stages are quick: one is red when the commit has a file `src/app/red-STAGE`."""

    def __init__(self, source: dagger.Directory, revision: str) -> None:
        self.source = source
        self.revision = revision

    async def image(self) -> dagger.Container:
        """A file, and the commit in a label."""
        made = dag.container().with_new_file("/made-from", await self.source.file("src/app/main.py").contents())
        return made.with_label("org.opencontainers.image.revision", self.revision)


def _stage(name: str) -> Callable[[SmallPipeline], dagger.Container]:
    def stage(self: SmallPipeline) -> dagger.Container:
        look = f"if test -e /work/src/app/red-{name}; then echo 'src/app/main.py:1:5: E999 wrong'; exit 1; fi"
        return (
            dag.container()
            .from_(images.PYTHON)
            .with_(with_wrapper)
            .with_mounted_directory("/work", self.source.filter(include=["src/app"]))
            .with_(recorded(name, look))
        )

    return stage


for _name in (*stages_of(Suite.FULL), *ALONE):
    setattr(SmallPipeline, _name, _stage(_name))


async def small(source: dagger.Directory, revision: str) -> object:
    """Make the small pipeline, as the module's own method makes the large one."""
    return SmallPipeline(source, revision)


@dataclass(frozen=True)
class Reports:
    """What a run left, read."""

    summary: dict[str, Any]
    exit_code: int
    annotations: str
    markdown: str
    files: frozenset[str]

    @property
    def statuses(self) -> dict[str, str]:
        """How each stage and each step ended."""
        return {stage["stage"]: stage["status"] for stage in self.summary["stages"]}

    @property
    def outside(self) -> dict[str, str]:
        """How the steps ended that leave the pipeline."""
        return {name: status for name, status in self.statuses.items() if name not in (*stages_of(Suite.FULL), *ALONE)}


async def answered(clone: Clone, event: Event, outside: Outside, pipeline: Pipeline = small) -> Reports:
    """Answer an event, and read the reports."""
    reports = await run(pipeline, clone.source, clone.history, event, outside)
    texts = {name: await reports.file(name).contents() for name in ("summary.json", "exit-code", "summary.md")}
    return Reports(
        json.loads(texts["summary.json"]),
        int(texts["exit-code"]),
        await reports.file("annotations.txt").contents(),
        texts["summary.md"],
        frozenset(await reports.glob("**/*")),
    )
