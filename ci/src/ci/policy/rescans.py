"""What the nightly run looks at again: images that were clean when they were published and may not be so today."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from semver import Version

from ci.policy.facts import Facts
from ci.policy.plan import Part, Plan, Rescan
from ci.policy.tags import LATEST
from ci.policy.versions import is_stable, minor_line, versions_among

SUPPORTED_LINES: Final = 3
"""How many lines `X.Y.*`, the newest ones, get hotfixes; of each its newest version is looked at."""

SILENT: Final = "the registry did not answer, so nobody knows what is published"


def rescanned_tags(facts: Facts) -> tuple[str, ...]:
    """Name the tags of what is looked at again: the newest version of each supported line, the newest first, and `latest`."""
    return (*map(str, _supported(versions_among(facts.tags, ()))), LATEST)


def with_rescans(facts: Facts, plan: Plan) -> Plan:
    """Add what is looked at again, each image once; a registry that does not answer fails the run, whose purpose it is."""
    if facts.published is None:
        return replace(plan, failures=(*plan.failures, SILENT)).because(Part.RESCANS, SILENT)
    named: dict[str, Rescan] = {}
    for tag in rescanned_tags(facts):
        if digest := facts.published.get(tag):
            there = named.get(digest, Rescan(digest))
            named[digest] = replace(there, tags=(*there.tags, tag))
    for environment, digest in (facts.deployed or {}).items():
        there = named.get(digest, Rescan(digest))
        named[digest] = replace(there, environments=(*there.environments, environment))
    why = "what was clean when it was published may not be so today" if named else "nothing is published"
    unknown = "" if facts.deployed is not None else "; what is deployed is not known here"
    return replace(plan, rescans=tuple(named.values())).because(Part.RESCANS, why + unknown)


def _supported(known: Iterable[Version]) -> tuple[Version, ...]:
    """Give the newest version of each of the newest lines, the newest first."""
    newest: dict[tuple[int, ...], Version] = {}
    for version in sorted(filter(is_stable, known), reverse=True):
        newest.setdefault(minor_line(version), version)
    return tuple(newest.values())[:SUPPORTED_LINES]
