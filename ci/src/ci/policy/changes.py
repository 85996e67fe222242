"""Whether a change came the way that the model has for it, and what is said when it did not."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from ci.policy.commits import announced, cut_version, names_pull_request, subject
from ci.policy.errors import shown
from ci.policy.facts import Facts
from ci.policy.models import MAIN, VERSION_LINES, Model, wrong_base
from ci.policy.refs import Branch, matches
from ci.policy.tags import SHORT_COMMIT
from ci.policy.trigger import Trigger

SHORT_LIVED: Final = timedelta(days=2)
"""How long a branch lives under trunk."""

_SHORT_LIVED_TRIGGERS: Final = frozenset({Trigger.BRANCH, Trigger.PULL_REQUEST})


def refused_pull_request(facts: Facts) -> str | None:
    """Say why a pull request has the wrong base; None when it has the right one, or the event is none."""
    if facts.trigger is not Trigger.PULL_REQUEST or facts.base is None:
        return None
    return wrong_base(facts.model, Branch(facts.ref.name), facts.base)


def promises_same_behaviour(facts: Facts) -> bool:
    """Whether a pull request comes from `refactor/*`, so that it may change nothing that anybody sees."""
    return facts.trigger is Trigger.PULL_REQUEST and matches("refactor/*", facts.ref.name)


def broken_promises(facts: Facts) -> Iterator[str]:
    """Say where a pull request that promises the same behaviour changes it."""
    if not promises_same_behaviour(facts):
        return
    for message in (facts.title, *facts.commits):
        change = announced(message)
        if change.breaking or change.type == "feat":
            kind = "a breaking change" if change.breaking else "a feature"
            yield f"{facts.ref} promises the same behaviour, but {shown(subject(message))} is {kind}"
    if facts.openapi_changed:
        yield f"{facts.ref} promises the same behaviour, but the OpenAPI document changes"
    for path in facts.new_migrations:
        yield f"{facts.ref} promises the same behaviour, but {shown(path)} is a new migration"


def _cuts_release(facts: Facts) -> bool:
    """Whether a push brings nothing but the commit of a version whose tag came with it."""
    version = cut_version(facts.commits[0]) if len(facts.commits) == 1 else None
    return version is not None and f"v{version}" in facts.tags


def depends_on_its_way(facts: Facts) -> bool:
    """Whether what follows depends on how the commit came to its branch: `main` is changed by pull requests and releases."""
    return facts.trigger is Trigger.BRANCH and facts.ref.name == MAIN and not _cuts_release(facts)


def direct_push(facts: Facts) -> str | None:
    """Say that a commit got to `main` neither by a pull request nor by cutting a release; unknown counts as direct."""
    if not depends_on_its_way(facts):
        return None
    came_by_pull_request = facts.by_pull_request
    if came_by_pull_request is None:
        came_by_pull_request = bool(facts.commits) and names_pull_request(facts.commits[0])
    if came_by_pull_request:
        return None
    return f"{facts.commit[:SHORT_COMMIT]} was pushed to {MAIN} without a pull request: nothing is published"


def _old_branch(facts: Facts) -> Iterator[str]:
    is_short_lived = (
        facts.model is Model.TRUNK
        and facts.trigger in _SHORT_LIVED_TRIGGERS
        and facts.ref.name != MAIN
        and not matches("hotfix/*", facts.ref.name)
    )
    if is_short_lived and facts.branch_age is not None and facts.branch_age > SHORT_LIVED:
        yield f"{facts.ref} is {facts.branch_age.days} days old: under trunk a branch lives at most {SHORT_LIVED.days}"


def _stray_tag(facts: Facts) -> Iterator[str]:
    lines = VERSION_LINES[facts.model]
    if facts.trigger is not Trigger.TAG or facts.containing is None:
        return
    if not any(matches(line, branch) for line in lines for branch in facts.containing):
        yield f"{facts.ref} is on none of the branches on which versions are cut: {', '.join(lines)}"


def noteworthy(facts: Facts) -> tuple[str, ...]:
    """Collect what a person should see although it changes nothing."""
    return (*_old_branch(facts), *_stray_tag(facts))
