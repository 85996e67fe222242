"""Publishing an image: pushed once, its tags given to its digest, and looked at afterwards.

A registry compares nothing before it overwrites a tag. So a tag is looked up just before it is given and just after; what
never changes is refused where it has another digest, and the loser of a race fails and says which tag is whose. Tags are
given in such an order that the next run finishes what one leaves half-done.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import dagger

from ci.errors import PipelineError
from ci.policy.moves import Action, Move, in_order, moves_of, outranked, refusals
from ci.policy.plan import Image
from ci.policy.tags import ImageTag
from ci.registry import RegistryError, Repository, give, listed, look_around, look_up, push, revisions

StillRight = Callable[[], Awaitable[Image]]
"""Decides again what is published, by what the registry says now; raises when nothing is to be published any more."""


class PublishingError(PipelineError):
    """Not everything is published; what was is right, and another run finishes the rest or says why it cannot."""


class TagTaken(PublishingError):  # noqa: N818 - what happened
    """A tag that never changes has another digest already; no tag was given."""


class PlanOutdated(PublishingError):  # noqa: N818 - as above
    """Since the plan was made the world has changed: floating tags stay where they are."""


class RaceLost(PublishingError):  # noqa: N818 - as above
    """Another run published at the same time, and a tag is its own."""


@dataclass(frozen=True)
class Published:
    """What is in the registry now."""

    address: str
    digest: str
    moves: tuple[Move, ...]
    """What happened to each tag, in the order in which they were given."""

    @property
    def tags(self) -> tuple[str, ...]:
        """Every tag of the plan; the digest has them all."""
        return tuple(move.tag for move in self.moves)

    @property
    def reference(self) -> str:
        """The image by its digest."""
        return f"{self.address}@{self.digest}"

    def describe(self) -> str:
        """Say it for a person: the image, then what happened to each tag."""
        return "\n".join([self.reference, *(f"{move.action:6}  {move.tag}" for move in self.moves)])


async def publish(
    image: dagger.Container | None, wanted: Image, repository: Repository, still_right: StillRight
) -> Published:
    """Publish what the plan wants: push the image that was tested, or promote the digest that is there.

    Floating tags move only after `still_right` decided the same again. Raises PublishingError or RegistryError.
    """
    tags = in_order(wanted.tags)
    digest = wanted.promotes or await _pushed(image, tags, repository, still_right)
    there = await look_up(repository, _names(tags))
    if not wanted.promotes:
        await _check(there, [tags[0].name], digest, repository)
    moves = moves_of(tags, digest, there)
    if why := refusals(moves, digest):
        raise TagTaken("; ".join(why))
    floating = {tag.name for tag in tags if tag.moves}
    given = [move.tag for move in moves if move.action is not Action.KEEP]
    await _give([name for name in given if name not in floating], digest, repository)
    if moved := [name for name in given if name in floating]:
        await _confirm(tags, digest, still_right)
        _check_rank(tags, await listed(repository))
        await _give(moved, digest, repository)
    if given:
        there, every = await look_around(repository, _names(tags))
        await _check(there, _names(tags), digest, repository)
        # A higher version that came meanwhile has its own tag by now, or will move the floating ones itself.
        _check_rank(tags, every)
    return Published(repository.address, digest, moves)


async def _pushed(
    image: dagger.Container | None, tags: Sequence[ImageTag], repository: Repository, still_right: StillRight
) -> str:
    """Push an image under the first of its tags; or take what another run pushed meanwhile."""
    if image is None:
        raise PublishingError("there is neither an image to push nor a digest to promote")
    fixed = _names(tag for tag in tags if not tag.moves)
    there = await look_up(repository, fixed)
    if there or not fixed:
        now = await still_right()
        if now.promotes:
            return now.promotes
        if there:
            raise TagTaken(", ".join(f"{name} is {digest} and never changes" for name, digest in there.items()))
        _check_same(tags, now)
    return await push(repository, image, tags[0].name)


async def _give(names: Sequence[str], digest: str, repository: Repository) -> None:
    """Give tags to the digest, in order, up to the first that another run takes."""
    if names:
        given = await give(repository, digest, names)
        await _check(given, given, digest, repository)


async def _confirm(tags: Sequence[ImageTag], digest: str, still_right: StillRight) -> None:
    """See that fresh facts lead to the same tags on the same digest."""
    now = await still_right()
    if now.promotes not in {None, digest}:
        raise RaceLost(f"the image to publish is {now.promotes} by now, not {digest}: run the job again")
    _check_same(tags, now)


def _check_same(tags: Sequence[ImageTag], now: Image) -> None:
    if changed := sorted(tag.name for tag in set(tags) ^ set(now.tags)):
        raise PlanOutdated(
            f"since this run was planned it has changed who gets {', '.join(changed)}: run the job again"
        )


def _check_rank(tags: Sequence[ImageTag], every: Iterable[str]) -> None:
    """See that among every tag of the registry is no higher version to which a floating tag of ours belongs."""
    if higher := outranked(tags, every):
        whose = ", ".join(f"{tag} belongs to {version}" for tag, version in higher.items())
        raise PlanOutdated(f"a higher version was published meanwhile: {whose}; run its job again, then this one")


async def _check(there: Mapping[str, str], names: Iterable[str], digest: str, repository: Repository) -> None:
    """See that tags have the digest; RaceLost says whose the others are."""
    others = {name: there.get(name) for name in names if there.get(name) != digest}
    if others:
        whose = await _commits(repository, {found for found in others.values() if found})
        said = ", ".join(f"{name} is {found or 'gone'}{whose.get(found or '', '')}" for name, found in others.items())
        raise RaceLost(f"{repository.address}: {said}, not {digest}: another run was there at the same time")


async def _commits(repository: Repository, digests: Iterable[str]) -> dict[str, str]:
    """Say of which commits digests are, where it can be had: it is for the message only."""
    try:
        return {digest: f" (of commit {commit})" for digest, commit in (await revisions(repository, digests)).items()}
    except RegistryError:
        return {}


def _names(tags: Iterable[ImageTag]) -> list[str]:
    return [tag.name for tag in tags]
