"""Which version comes next: from the tags, the commits since, and what a person asks for."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from commitizen.git import GitCommit
from commitizen.version_schemes import Increment, Prerelease
from semver import Version

from .repository import Refused, Release, commits, git, releases
from .rules import Rules

PHASES: Final[tuple[Prerelease, ...]] = ("alpha", "beta", "rc")

_COUNTED: Final = re.compile(r"(alpha|beta|rc)\.[0-9]+")


@dataclass(frozen=True)
class Step:
    """From one version to the next."""

    current: Version
    """What the project's files say."""
    target: Version


@dataclass(frozen=True)
class Wish:
    """What a person asks for."""

    prerelease: Prerelease | None = None
    """None: a stable version."""
    increment: Increment | None = None
    """None: what the commits ask for."""
    skips_taken: bool = False
    """Whether patch versions that another line has used are counted over: on main, but not on the lines themselves."""


def next_step(rules: Rules, wish: Wish) -> Step:
    """Decide; Refused when there is nothing to release, or when what is there does not fit together."""
    prerelease = wish.prerelease
    last = _last_release(rules.current)
    version = last.version if last else rules.current
    phase = _phase(version)
    if prerelease and phase and PHASES.index(prerelease) < PHASES.index(phase):
        raise Refused(f"{version} cannot go back to {prerelease}: ask for {phase} or for the stable version")
    changes = commits([last.ref] if last else [], "HEAD")
    asked = wish.increment or rules.increment(changes, version)
    # Commitizen counts a prerelease up whether there is anything new or not; here only a later phase needs nothing new.
    if phase is None or phase == prerelease:
        _refuse_nothing(changes, asked, f" since {last.tag}" if last else "")
    target = rules.bumped(version, asked, prerelease)
    return Step(rules.current, _free(target, wish))


def _last_release(current: Version) -> Release | None:
    """Find the highest version that HEAD contains, and see that the project's files know of it.

    They may name the last stable one: candidates of a release branch are tagged without a commit of their own.
    """
    here = [release for release in releases("HEAD") if release.is_stable or _phase(release.version)]
    stable = [release for release in here if release.is_stable]
    if not here:
        if _was_set(current):
            raise Refused(f"the tag v{current} is missing: git fetch --tags")
        return None
    known = {here[-1].version, *(release.version for release in stable[-1:])}
    if stable and current not in known:
        raise Refused(
            f"the files say {current}, but the last release before HEAD is {here[-1].tag}: git fetch --tags where its "
            "tag is missing, and leave versions to bump where somebody edited one"
        )
    return here[-1]


def _was_set(version: Version) -> bool:
    """Whether a commit before HEAD is the one that cut a version."""
    subjects = git("log", "--format=%s", "--fixed-strings", f"--grep=→ {version}").splitlines()
    return any(subject.startswith("bump: ") and subject.endswith(f"→ {version}") for subject in subjects)


def _phase(version: Version) -> Prerelease | None:
    kind = _COUNTED.fullmatch(version.prerelease or "")
    return next((phase for phase in PHASES if kind and kind[1] == phase), None)


def _refuse_nothing(changes: Sequence[GitCommit], asked: Increment | None, since: str) -> None:
    if not changes:
        raise Refused(f"nothing to release: there is no commit{since}")
    if not asked:
        raise Refused(
            f"nothing to release: no commit{since} is a feature, a fix or a breaking change "
            "(--increment=PATCH releases all the same)"
        )


def _free(target: Version, wish: Wish) -> Version:
    """Take a version that no line has used; Refused where only another line could tell what it would lack."""
    taken = releases()
    patches = [
        release.version.patch
        for release in taken
        if release.is_stable and (release.version.major, release.version.minor) == (target.major, target.minor)
    ]
    stable = target.finalize_version()
    if stable.patch in patches:
        if not wish.skips_taken or stable.patch == 0:
            raise Refused(f"v{stable} exists already, and a version is released once")
        stable = stable.replace(patch=max(patches) + 1)
    if not wish.prerelease:
        return stable
    stem = f"{stable}-{wish.prerelease}."
    names = [str(release.version) for release in taken if _phase(release.version)]
    numbers = [int(name.removeprefix(stem)) for name in names if name.startswith(stem)]
    # A gap is never filled, as the policy has it: a later prerelease sorts after those that people have.
    return stable.replace(prerelease=f"{wish.prerelease}.{max(numbers, default=0) + 1}")
