"""What a decision is made from; read from strings once, here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from ci.policy.errors import PolicyError
from ci.policy.models import Model, parse_model
from ci.policy.plan import Environment
from ci.policy.refs import Branch, Ref, parse_branch, parse_commit, parse_ref, parse_repository
from ci.policy.suites import Suite
from ci.policy.tags import parse_digest, parse_tag
from ci.policy.trigger import PROPOSALS, Event, Trigger, parse_event, trigger_of

_NOTHING_SAID: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True)
class Facts:
    """Everything that a decision depends on."""

    event: Event
    ref: Ref
    """What the event is about; of a pull request its head branch."""
    commit: str
    """The full hash of the commit that is tested."""
    published: Mapping[str, str] | None
    """Tags of the image in the registry and their digests; None when the registry could not answer."""
    base: Branch | None = None
    """Of a pull request and a merge queue: the branch to be changed."""
    model: Model = Model.GITFLOW
    from_fork: bool = False
    """Whether the head's repository is not the one that the pipeline guards."""
    title: str = ""
    """Of a pull request."""
    commits: tuple[str, ...] = ()
    """Messages of the commits that the event brings, the newest first."""
    tags: tuple[str, ...] = ()
    """All tags of the git repository."""
    revisions: Mapping[str, str] = field(default_factory=lambda: _NOTHING_SAID)
    """Commits that published images say they were made from, by digest, as far as they were asked."""
    deployed: Mapping[Environment, str] | None = None
    """Of a nightly run: the digest that each environment runs; None when nobody could say."""
    choice: Suite | None = None
    """Of a manual run: the suite that was chosen."""
    by_pull_request: bool | None = None
    """Of a push: whether the commit came by a pull request; None when nobody was asked, then its message has to tell."""
    containing: tuple[str, ...] | None = None
    """Of a tag: the branches that contain its commit; None when nobody looked."""
    branch_age: timedelta | None = None
    """How long ago the branch left its base."""
    openapi_changed: bool = False
    """Of a pull request: whether the service's OpenAPI document differs from the base's."""
    new_migrations: tuple[str, ...] = ()
    """Of a pull request: files of migrations that the base does not have."""

    @property
    def trigger(self) -> Trigger:
        """What the event means."""
        return trigger_of(self.event, self.ref)

    @property
    def target(self) -> str:
        """The name that rules look at: of a proposal its base, else the ref."""
        return self.base.name if self.base and self.trigger in PROPOSALS else self.ref.name


def is_fork(repository: str, head_repository: str, event: Event) -> bool:
    """Whether a change comes from another repository; of a pull request also when its repository is gone."""
    own = parse_repository(repository) if repository or head_repository else ""
    if not head_repository:
        return bool(own) and event is Event.PULL_REQUEST
    return parse_repository(head_repository) != own


def _choice(text: str) -> Suite | None:
    try:
        return Suite(text) if text else None
    except ValueError:
        raise PolicyError("suite", text, " or ".join(Suite)) from None


def _base(text: str, trigger: Trigger) -> Branch | None:
    if trigger not in PROPOSALS:
        return None
    if not text:
        raise PolicyError(
            "base ref", text, f"the branch that a {trigger.value.replace('_', ' ')} changes, such as main"
        )
    return parse_branch(text)


def parse_facts(
    *,
    event: str,
    ref: str,
    commit: str,
    published: Mapping[str, str] | None,
    head_ref: str = "",
    base_ref: str = "",
    repository: str = "",
    head_repository: str = "",
    model: str = "",
    title: str = "",
    commits: Iterable[str] = (),
    tags: Iterable[str] = (),
    revisions: Mapping[str, str] = _NOTHING_SAID,
    deployed: Mapping[str, str] | None = None,
    choice: str = "",
    by_pull_request: bool | None = None,
    containing: Iterable[str] | None = None,
    branch_age: timedelta | None = None,
    openapi_changed: bool = False,
    new_migrations: Iterable[str] = (),
) -> Facts:
    """Read the facts as GitHub or a person writes them; PolicyError names the first that is malformed.

    A pull request is about its head: `head_ref` (GitHub's `refs/pull/7/merge` does not name it), or `ref` on a laptop.
    What does not belong to an event, such as the base of a push, is ignored.
    """
    of = parse_event(event)
    about: Ref = parse_branch(head_ref) if head_ref and of is Event.PULL_REQUEST else parse_ref(ref)
    return Facts(
        event=of,
        ref=about,
        commit=parse_commit(commit),
        published=None
        if published is None
        else MappingProxyType({parse_tag(tag): parse_digest(digest) for tag, digest in published.items()}),
        base=_base(base_ref, trigger_of(of, about)),
        model=parse_model(model),
        from_fork=is_fork(repository, head_repository, of),
        title=title,
        commits=tuple(commits),
        tags=tuple(tags),
        revisions=MappingProxyType({parse_digest(digest): parse_commit(made) for digest, made in revisions.items()}),
        deployed=None
        if deployed is None
        else MappingProxyType({Environment(name): parse_digest(digest) for name, digest in deployed.items()}),
        choice=_choice(choice),
        by_pull_request=by_pull_request,
        containing=None if containing is None else tuple(containing),
        branch_age=branch_age,
        openapi_changed=openapi_changed,
        new_migrations=tuple(new_migrations),
    )
