"""What leaves the pipeline when everything is green, by what the rule says is published."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from semver import Version

from ci.policy.back_merges import with_back_merges
from ci.policy.changes import direct_push
from ci.policy.errors import PolicyError
from ci.policy.facts import Facts
from ci.policy.plan import Part, Plan, Release
from ci.policy.publication import (
    branch_image,
    commit_image,
    foreign_image,
    known_versions,
    released_otherwise,
    version_image,
)
from ci.policy.rules import Publishes
from ci.policy.tags import LATEST
from ci.policy.versions import is_stable, next_candidate, parse_version_tag

FORK: Final = "a fork never publishes"
SILENT: Final = "the registry did not answer, so nothing is published"


@dataclass(frozen=True)
class Hindrance:
    """Why nothing is published although the rule says so."""

    why: str
    is_failure: bool
    """Whether the run has to turn red, because what it is for is not done."""


def _failure(why: str | None) -> Hindrance | None:
    return Hindrance(why, is_failure=True) if why else None


def _warning(why: str | None) -> Hindrance | None:
    return Hindrance(why, is_failure=False) if why else None


def _fork(facts: Facts) -> str | None:
    return FORK if facts.from_fork else None


def _silence(facts: Facts) -> str | None:
    return SILENT if facts.published is None else None


def _hindered(plan: Plan, *hindrances: Hindrance | None) -> Plan | None:
    """Give the plan that says why nothing leaves the pipeline, by the first hindrance; None when nothing hinders."""
    hindrance = next((found for found in hindrances if found), None)
    if hindrance is None:
        return None
    why = hindrance.why
    said = replace(
        plan,
        failures=(*plan.failures, why) if hindrance.is_failure else plan.failures,
        warnings=plan.warnings if hindrance.is_failure else (*plan.warnings, why),
    )
    return said.because(Part.IMAGE, why).because(Part.DEPLOY, why).because(Part.RELEASE, why)


def _sourced(plan: Plan) -> Plan:
    """Say where the image comes from; what is promoted is neither built nor tested again."""
    if plan.image and plan.image.promotes:
        return (
            replace(plan, suites=(), stages=())
            .because(Part.SUITES, "the commit's image is published, so its full suite was green")
            .because(Part.IMAGE, "the registry has the commit's image: it is promoted by its digest, nothing is built")
        )
    return plan.because(Part.IMAGE, "built once; the very image that passes the smoke test is pushed")


def _nothing(_: Facts, plan: Plan) -> Plan:
    return plan


def _commit(facts: Facts, plan: Plan) -> Plan:
    """Publish the image of what is on main."""
    hindered = _hindered(
        plan,
        _warning(_fork(facts)),
        _warning(direct_push(facts)),
        _failure(_silence(facts)),
        _failure(foreign_image(facts)),
    )
    return hindered or _sourced(replace(plan, image=commit_image(facts)))


def _branch(facts: Facts, plan: Plan) -> Plan:
    """Publish an image of a branch to try; without it the branch is as well tested, so a silent registry only warns."""
    why = "the branch's newest image, once its smoke test passed; the tag moves with the branch"
    hindered = _hindered(plan, _warning(_fork(facts)), _warning(_silence(facts)))
    return hindered or replace(plan, image=branch_image(facts)).because(Part.IMAGE, why)


def _candidate(facts: Facts, plan: Plan) -> Plan:
    """Name the next release candidate and draft its notes; its tag is what publishes it."""
    target = release_of(facts.ref.name)
    if target in known_versions(facts):
        why = f"{target} is released already: the next release needs a branch of its own"
        return replace(plan, suites=(), failures=(why,)).because(Part.SUITES, why).because(Part.RELEASE, why)
    if facts.from_fork:
        return replace(plan, warnings=(*plan.warnings, FORK)).because(Part.RELEASE, FORK)
    candidate = next_candidate(target, known_versions(facts))
    draft = Release(str(candidate), prerelease=True, make_latest=False, draft=True)
    unsure = (f"the registry did not answer: {candidate} is free by git's tags alone",) if _silence(facts) else ()
    return (
        replace(plan, release=draft, warnings=plan.warnings + unsure)
        .because(Part.IMAGE, f"one event publishes a version, its tag: {draft.tag} will")
        .because(Part.RELEASE, f"draft notes of the next free candidate of {target}")
    )


def release_of(branch: str) -> Version:
    """Read the version that a branch `release/vX.Y.Z` is for; PolicyError when it names none, or a prerelease."""
    version = parse_version_tag(branch.removeprefix("release/"))
    if not is_stable(version):
        raise PolicyError("release branch", branch, "release/vX.Y.Z: its candidates are numbered by their tags")
    return version


def _version(facts: Facts, plan: Plan) -> Plan:
    """Publish and release a version."""
    version = parse_version_tag(facts.ref.name)
    hindered = _hindered(
        plan,
        _warning(_fork(facts)),
        _failure(_silence(facts)),
        _failure(foreign_image(facts)),
        _failure(released_otherwise(facts, version)),
    )
    if hindered:
        # A version's tag asks for nothing but to be published: where it cannot be, a green suite would change nothing.
        why = hindered.why(Part.IMAGE)
        return replace(hindered, suites=(), stages=()).because(Part.SUITES, why).because(Part.BACK_MERGES, why)
    image = version_image(facts, version)
    is_latest = any(tag.name == LATEST for tag in image.tags)
    release = Release(str(version), prerelease=not is_stable(version), make_latest=is_latest)
    plan = _sourced(replace(plan, image=image, release=release)).because(Part.RELEASE, _standing(release))
    return with_back_merges(facts, version, plan)


def _standing(release: Release) -> str:
    if release.prerelease:
        return "a prerelease is published as its own version and nothing else"
    if release.make_latest:
        return "no stable version is higher, so it is the latest"
    return "a higher stable version stays the latest"


OUTCOMES: Final[Mapping[Publishes, Callable[[Facts, Plan], Plan]]] = MappingProxyType(
    {
        Publishes.NOTHING: _nothing,
        Publishes.COMMIT: _commit,
        Publishes.BRANCH: _branch,
        Publishes.CANDIDATE: _candidate,
        Publishes.VERSION: _version,
    }
)
"""How each kind of publishing adds itself to the plan of what is tested."""
