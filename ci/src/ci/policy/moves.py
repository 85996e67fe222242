"""What giving tags to a digest means, once the digest is known and the registry has said what is there."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from ci.policy.tags import LATEST, ImageTag, version_tags
from ci.policy.versions import versions_among


class Action(StrEnum):
    """What happens to one tag."""

    CREATE = "create"
    MOVE = "move"
    KEEP = "keep"
    """It has the digest already: nothing is pushed."""
    REFUSE = "refuse"
    """It has another digest and does not move: nothing of the plan is published."""


@dataclass(frozen=True)
class Move:
    """One tag, what happens to it, and the digest that it had (None: the tag is new)."""

    tag: str
    action: Action
    before: str | None


def moves_of(tags: Iterable[ImageTag], digest: str, published: Mapping[str, str]) -> tuple[Move, ...]:
    """Say for each tag what giving it to the digest does to the registry.

    >>> moves_of([ImageTag("1.4.2"), ImageTag("latest", moves=True)], "sha256:b", {"1.4.2": "sha256:b", "latest": "sha256:a"})
    (Move(tag='1.4.2', action=<Action.KEEP: 'keep'>, before='sha256:b'), Move(tag='latest', action=<Action.MOVE: 'move'>, before='sha256:a'))
    """
    return tuple(Move(tag.name, _action(tag, digest, published.get(tag.name)), published.get(tag.name)) for tag in tags)


def _action(tag: ImageTag, digest: str, before: str | None) -> Action:
    if before is None:
        return Action.CREATE
    if before == digest:
        return Action.KEEP
    return Action.MOVE if tag.moves else Action.REFUSE


def refusals(moves: Iterable[Move], digest: str) -> tuple[str, ...]:
    """Say which tags are whose, for those that cannot be given to the digest; with one, push none of the tags."""
    return tuple(
        f"{move.tag} is {move.before} and never changes, so it cannot become {digest}"
        for move in moves
        if move.action is Action.REFUSE
    )


def in_order(tags: Iterable[ImageTag]) -> tuple[ImageTag, ...]:
    """Say in which order tags are given, so that the next run can finish what is interrupted.

    The commit's tag comes first, which says that a green run made the image; `latest`, which people get without asking
    for a version, comes last.

    >>> given = in_order(ImageTag(name, name in {"latest", "1"}) for name in ("1.4.2", "latest", "1", "sha-abc1234"))
    >>> [tag.name for tag in given]
    ['sha-abc1234', '1.4.2', '1', 'latest']
    """
    return tuple(sorted(tags, key=lambda tag: (tag.moves, tag.name == LATEST, bool(versions_among((), [tag.name])))))


def outranked(tags: Iterable[ImageTag], there: Iterable[str]) -> dict[str, str]:
    """Name the floating tags that belong to a higher version than the one they come with, by all tags of the registry.

    Git is asked once, early; the registry has a version's own tag before any floating tag moves to it.

    >>> outranked([ImageTag("1.4.2"), ImageTag("1", moves=True), ImageTag("latest", moves=True)], ["1.4.1", "2.0.0"])
    {'latest': '2.0.0'}
    """
    tags = tuple(tags)
    own = versions_among((), (tag.name for tag in tags if not tag.moves))
    known = own | versions_among((), there)
    owner = {tag.name: version for version in known for tag in version_tags(version, "", known) if tag.moves}
    return {tag.name: str(owner[tag.name]) for tag in tags if tag.moves and owner.get(tag.name) not in {None, *own}}
