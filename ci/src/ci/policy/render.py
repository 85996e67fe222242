"""A plan for people, as a table, and for programs, as JSON."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Final

from ci.policy.plan import BackMerge, Image, Part, Plan, Release

_NONE: Final = "-"


def as_json(plan: Plan) -> str:
    """Write a plan as JSON: the fields of `Plan`, reasons by part, and the git tag or branch that a name stands for."""
    document = asdict(plan)
    document["reasons"] = {reason.part.value: reason.why for reason in plan.reasons}
    if plan.release:
        document["release"]["tag"] = plan.release.tag
    for written, back_merge in zip(document["back_merges"], plan.back_merges, strict=True):
        written |= {"head": back_merge.head, "title": back_merge.title}
    return json.dumps(document, indent=2) + "\n"


def as_table(plan: Plan) -> str:
    """Write a plan as lines: each part, what is decided, and why; then what fails the run and what to look at."""
    decisions = {
        Part.SUITES: _words((*plan.suites, *plan.stages)),
        Part.IMAGE: _image(plan.image),
        Part.DEPLOY: plan.deploy or _NONE,
        Part.RELEASE: _release(plan.release),
        Part.BACK_MERGES: _words(map(_back_merge, plan.back_merges)),
        Part.RESCANS: _words(" ".join(rescan.names) for rescan in plan.rescans),
    }
    rows = [("part", "decision", "why"), *((part, decisions[part], plan.why(part)) for part in Part)]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    lines = [f"{part:<{widths[0]}}  {decision:<{widths[1]}}  {why}" for part, decision, why in rows]
    failures = [f"fails: {line}" for line in plan.failures]
    warnings = [f"warning: {line}" for line in plan.warnings]
    return "\n".join([plan.occasion, "", *lines, *failures, *warnings]) + "\n"


def _words(words: Iterable[str]) -> str:
    return ", ".join(words) or _NONE


def _image(image: Image | None) -> str:
    if image is None:
        return _NONE
    source = f"promote {image.promotes[:19]}" if image.promotes else "build"
    return f"{source} as {_words(tag.name + (' (moves)' if tag.moves else '') for tag in image.tags)}"


def _release(release: Release | None) -> str:
    if release is None:
        return _NONE
    traits = {"draft": release.draft, "prerelease": release.prerelease, "latest": release.make_latest}
    return " ".join([release.tag, *(f"({trait})" for trait, holds in traits.items() if holds)])


def _back_merge(back_merge: BackMerge) -> str:
    return f"{back_merge.kind} v{back_merge.version} into {back_merge.base}"
