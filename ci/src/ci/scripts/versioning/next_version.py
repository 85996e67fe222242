"""Which version comes next: from the tags, the commits since, and what a person asks for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from commitizen.git import GitCommit
from commitizen.version_schemes import Increment, Prerelease, SemVer2

from .repository import Refused, Release, commits, git, releases
from .rules import Rules

PHASES: Final[tuple[Prerelease, ...]] = ("alpha", "beta", "rc")


@dataclass(frozen=True)
class Step:
    """From one version to the next."""

    current: SemVer2
    """What the project's files say."""
    target: SemVer2


def next_step(rules: Rules, prerelease: Prerelease | None, increment: Increment | None) -> Step:
    """Decide; Refused when there is nothing to release, or when what is there does not fit together."""
    last = _last_release(rules.current)
    version = last.version if last else rules.current
    phase = _phase(version)
    if prerelease and phase and PHASES.index(prerelease) < PHASES.index(phase):
        raise Refused(f"{version} cannot go back to {prerelease}: ask for {phase} or for the stable version")
    changes = commits([last.ref] if last else [], "HEAD")
    asked = increment or rules.increment(changes, version)
    # Commitizen counts a prerelease up whether there is anything new or not; here only a later phase needs nothing new.
    if phase is None or phase == prerelease:
        _refuse_nothing(changes, asked, f" since {last.tag}" if last else "")
    target = version.bump(asked, prerelease=prerelease, prerelease_offset=1)
    return Step(rules.current, _free(target, prerelease))


def _last_release(current: SemVer2) -> Release | None:
    """Find the highest version that HEAD contains, and see that the project's files know of it.

    They may name the last stable one: candidates of a release branch are tagged without a commit of their own.
    """
    here = releases("HEAD")
    stable = [release for release in here if not release.version.is_prerelease]
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


def _was_set(version: SemVer2) -> bool:
    """Whether a commit before HEAD is the one that cut a version."""
    subjects = git("log", "--format=%s", "--fixed-strings", f"--grep=→ {version}").splitlines()
    return any(subject.startswith("bump: ") and subject.endswith(f"→ {version}") for subject in subjects)


def _phase(version: SemVer2) -> Prerelease | None:
    return next((phase for phase in PHASES if (version.prerelease or "").startswith(phase)), None)


def _refuse_nothing(changes: Sequence[GitCommit], asked: Increment | None, since: str) -> None:
    if not changes:
        raise Refused(f"nothing to release: there is no commit{since}")
    if not asked:
        raise Refused(
            f"nothing to release: no commit{since} is a feature, a fix or a breaking change "
            "(--increment=PATCH releases all the same)"
        )


def _free(target: SemVer2, prerelease: Prerelease | None) -> SemVer2:
    """Take the next number of a prerelease that no line has used; a stable version that exists is refused."""
    taken = [release.version for release in releases()]
    if not prerelease:
        if target in taken:
            raise Refused(f"v{target} exists already, and a version is released once")
        return target
    stem = f"{target.major}.{target.minor}.{target.micro}-{prerelease}."
    numbers = [int(str(version).removeprefix(stem)) for version in taken if str(version).startswith(stem)]
    return SemVer2(f"{stem}{max(numbers) + 1}") if numbers else target
