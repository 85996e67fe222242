"""From what the caller says, git and the registry to the facts of an event, and to the plan."""

import time
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any, Final, Self

import dagger

from ci.errors import PipelineError
from ci.excerpt import root_cause
from ci.history import Past, at, files_of, past_of
from ci.policy.changes import promises_same_behaviour
from ci.policy.decide import decide
from ci.policy.errors import PolicyError
from ci.policy.facts import Facts, parse_facts
from ci.policy.models import MAIN, Model
from ci.policy.plan import Plan
from ci.policy.publication import tags_to_look_up
from ci.policy.refs import Branch, matches
from ci.policy.trigger import PROPOSALS, Trigger
from ci.registry import RegistryError, Repository, look_up, revisions
from ci.sources import IGNORED, MIGRATIONS

NOT_ASKED: Final = "no registry was given: planned as if it were empty"

_UNKNOWN_COMMIT: Final = "f" * 40
"""Stands for the commit until git has been asked for it."""


class EventError(PipelineError):
    """What was said about the event is malformed; the text is the policy's line."""


@dataclass(frozen=True)
class Event:
    """What the caller says, as GitHub or a person writes it; nothing of it is parsed yet."""

    event: str
    ref: str
    commit: str = ""
    """Empty: what the ref names here, else HEAD."""
    before: str = ""
    """Of a push: the commit that the branch was at."""
    base_ref: str = ""
    head_ref: str = ""
    repository: str = ""
    head_repository: str = ""
    title: str = ""
    choice: str = ""


@dataclass(frozen=True)
class Situation:
    """An event with everything that is known before the registry is asked."""

    facts: Facts
    past: Past
    said: Mapping[str, Any]
    """What the facts were parsed from."""
    warnings: tuple[str, ...] = ()
    """What could not be found out."""

    def with_published(self, published: Mapping[str, str] | None, revisions: Mapping[str, str]) -> Facts:
        """Add what the registry says; None when it did not answer."""
        return _parsed(**{**self.said, "published": published, "revisions": revisions})

    def with_facts(self, **more: Any) -> Self:
        """Add what was found out elsewhere."""
        said = {**self.said, **more}
        return replace(self, facts=_parsed(**said), said=said)


async def situation(event: Event, source: dagger.Directory, history: dagger.Directory) -> Situation:
    """Collect the facts that the registry has no part in; EventError or HistoryError in one line."""
    said: dict[str, Any] = {name: value for name, value in asdict(event).items() if name != "before"}
    said |= {"published": {}, "model": await model_of(source)}
    # Whatever is malformed is refused here, before anything has been run.
    rough = _parsed(**{**said, "commit": _UNKNOWN_COMMIT})
    past = await past_of(
        history, *_names(event, rough), base=_base(rough), before=_before(event, rough), below=MIGRATIONS
    )
    said |= {
        "commit": past.commit,
        "tags": past.tags,
        "commits": past.commits,
        "containing": past.containing,
        "new_migrations": past.added,
        "branch_age": None if past.left is None else timedelta(seconds=max(0.0, time.time() - past.left)),
    }
    facts = _parsed(**said)
    if not promises_same_behaviour(facts):
        return Situation(facts, past, said)
    try:
        said["openapi_changed"] = await _openapi_changed(history, facts)
    except dagger.QueryError as error:
        # The stage that compares the documents is red then, for the same reason.
        why = f"whether the OpenAPI document changes is not known: {root_cause(str(error), max_characters=200)}"
        return Situation(facts, past, said, (" ".join(why.split()),))
    return Situation(_parsed(**said), past, said)


async def _openapi_changed(history: dagger.Directory, facts: Facts) -> bool:
    # Imported where it is needed: few events ask, and they have the service's own dependencies installed for it.
    from ci.openapi import openapi_changed

    files = (await files_of(history, facts.commit)).filter(exclude=IGNORED)
    return await openapi_changed(files, at(history, facts.commit), facts.base.name if facts.base else "")


async def plan_of(situation: Situation, registry: Repository | None) -> Plan:
    """Ask the registry, if there is one, what the decision depends on, and decide."""
    tags = _looked_up(situation.facts)
    if registry is None:
        return _decided(situation.facts, *situation.warnings, *([NOT_ASKED] if tags else []))
    try:
        published = await look_up(registry, tags) if tags else {}
        made_from = await revisions(registry, published.values()) if published else {}
    except RegistryError as error:
        return _decided(situation.with_published(None, {}), *situation.warnings, str(error))
    return _decided(situation.with_published(published, made_from), *situation.warnings)


async def model_of(source: dagger.Directory) -> str:
    """Read the branching model that the project chose; empty where it chose none."""
    project = tomllib.loads(await source.file("pyproject.toml").contents())
    return str(project.get("tool", {}).get("ci", {}).get("model", ""))


def _decided(facts: Facts, *warnings: str) -> Plan:
    """Decide, and add what a person should know of how the facts came about."""
    try:
        plan = decide(facts)
    except PolicyError as error:
        raise EventError(str(error)) from None
    return replace(plan, warnings=(*plan.warnings, *warnings))


def _looked_up(facts: Facts) -> tuple[str, ...]:
    try:
        return tags_to_look_up(facts)
    except PolicyError as error:
        raise EventError(str(error)) from None


def _parsed(**said: Any) -> Facts:
    try:
        return parse_facts(**said)
    except PolicyError as error:
        raise EventError(str(error)) from None


def _names(event: Event, facts: Facts) -> tuple[str, ...]:
    """By which names the commit is looked for: on a laptop the ref's own are enough."""
    if event.commit:
        return (event.commit,)
    if isinstance(facts.ref, Branch):
        return f"refs/heads/{facts.ref}", f"refs/remotes/origin/{facts.ref}", "HEAD"
    return f"refs/tags/{facts.ref}", "HEAD"


def _base(facts: Facts) -> str:
    """Name the branch that the commits left: a proposal's base; under trunk main, whose branches are short-lived."""
    if facts.trigger in PROPOSALS and facts.base:
        return facts.base.name
    is_short_lived = (
        facts.trigger is Trigger.BRANCH and facts.ref.name != MAIN and not matches("hotfix/*", facts.ref.name)
    )
    return MAIN if facts.model is Model.TRUNK and is_short_lived else ""


def _before(event: Event, facts: Facts) -> str:
    return event.before if facts.trigger is Trigger.BRANCH else ""
