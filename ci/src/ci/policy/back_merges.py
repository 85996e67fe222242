"""How a released version gets back to the branch where work goes on."""

from dataclasses import replace

from semver import Version

from ci.policy.facts import Facts
from ci.policy.models import DEVELOP, MAIN, Model
from ci.policy.plan import BackMerge, BackMergeKind, Part, Plan
from ci.policy.publication import known_versions
from ci.policy.versions import is_highest, is_stable


def with_back_merges(facts: Facts, version: Version, plan: Plan) -> Plan:
    """Add the pull requests that a version's release opens or updates."""
    if not is_stable(version):
        return plan.because(Part.BACK_MERGES, "a prerelease comes back with its stable version")
    way = _way_back(facts, version)
    if _is_there(facts, version, way.base):
        return plan.because(Part.BACK_MERGES, f"{way.base} has what is released")
    return replace(plan, back_merges=(way,)).because(Part.BACK_MERGES, f"{way.base} lacks what is released")


def _way_back(facts: Facts, version: Version) -> BackMerge:
    if facts.model is Model.GITFLOW:
        return BackMerge(str(version), DEVELOP, BackMergeKind.MERGE)
    return BackMerge(str(version), MAIN, BackMergeKind.CHERRY_PICK)


def _is_there(facts: Facts, version: Version, base: str) -> bool:
    """Whether the base contains the tagged commit, by those who looked, else by what is usual.

    Under Git Flow a release is never made from develop. Under trunk it is made from main, except for a hotfix, and
    one on an older line is told by its number.
    """
    if facts.containing is not None:
        return base in facts.containing
    return facts.model is Model.TRUNK and is_highest(version, known_versions(facts))
