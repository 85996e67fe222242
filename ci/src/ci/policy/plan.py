"""The decision: what a run does, and why."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Self

from ci.policy.suites import Suite
from ci.policy.tags import ImageTag


class Environment(StrEnum):
    """Where an image is deployed to."""

    STAGING = "staging"


@dataclass(frozen=True)
class Image:
    """What is published: tags, all given to one digest."""

    tags: tuple[ImageTag, ...]
    promotes: str | None = None
    """The digest that is in the registry already and gets the tags; None: the image is built, smoke-tested and pushed."""


@dataclass(frozen=True)
class Release:
    """A release with its notes."""

    version: str
    """Without `v`."""
    prerelease: bool
    make_latest: bool
    """Whether it is shown as the latest release: exactly when the image tag `latest` moves to it."""
    draft: bool = False
    """A draft has no tag yet: publishing it makes the tag, and the tag publishes the version."""

    @property
    def tag(self) -> str:
        """The git tag of the version."""
        return f"v{self.version}"


class BackMergeKind(StrEnum):
    """How a released change gets to the branch where work goes on."""

    MERGE = "merge"
    CHERRY_PICK = "cherry-pick"


@dataclass(frozen=True)
class BackMerge:
    """A pull request that brings a version's commits to `base`; its head is named by the version, so it exists once."""

    version: str
    base: str
    kind: BackMergeKind

    @property
    def head(self) -> str:
        """The branch to make at the version's tag."""
        prefix = "back-merge" if self.kind is BackMergeKind.MERGE else "cherry-pick"
        return f"{prefix}/v{self.version}"

    @property
    def title(self) -> str:
        """The pull request's title, a conventional commit's."""
        verb = "merge" if self.kind is BackMergeKind.MERGE else "cherry-pick"
        return f"chore: {verb} v{self.version} into {self.base}"


@dataclass(frozen=True)
class Rescan:
    """A published image that is looked at again."""

    digest: str
    tags: tuple[str, ...] = ()
    """Those of its tags by which it was found."""
    environments: tuple[Environment, ...] = ()
    """Where it is deployed."""

    @property
    def names(self) -> tuple[str, ...]:
        """What people call it."""
        return (*self.tags, *self.environments)

    @property
    def stage(self) -> str:
        """What its check is called, and the reports of it."""
        return f"scan-{self.names[0]}"


class Part(StrEnum):
    """A part of a plan that has a reason of its own."""

    SUITES = "suites"
    IMAGE = "image"
    DEPLOY = "deploy"
    RELEASE = "release"
    BACK_MERGES = "back-merges"
    RESCANS = "rescans"


@dataclass(frozen=True)
class Reason:
    """Why a part of the plan is as it is, in one line."""

    part: Part
    why: str


ABSENT: Final = {
    Part.SUITES: "no rule asks for a suite",
    Part.IMAGE: "only main, a version's tag and, under trunk, feat/* publish an image",
    Part.DEPLOY: "only what main publishes is deployed",
    Part.RELEASE: "only a version's tag is released",
    Part.BACK_MERGES: "only a stable version is brought back",
    Part.RESCANS: "only the nightly run looks again at what is published",
}
"""Why a part is empty where nothing better is known."""


@dataclass(frozen=True)
class Plan:
    """What a run does. The default is the empty plan: nothing."""

    occasion: str
    """What the plan answers, in words."""
    suites: tuple[Suite, ...] = ()
    stages: tuple[str, ...] = ()
    """Stages beside those of the suites."""
    image: Image | None = None
    deploy: Environment | None = None
    release: Release | None = None
    back_merges: tuple[BackMerge, ...] = ()
    rescans: tuple[Rescan, ...] = ()
    failures: tuple[str, ...] = ()
    """Lines that make the run red, whatever its stages say; with one, nothing leaves the pipeline."""
    warnings: tuple[str, ...] = ()
    """Lines that a person should see."""
    reasons: tuple[Reason, ...] = tuple(Reason(part, why) for part, why in ABSENT.items())
    """One for each part, in the order of `Part`."""

    @property
    def touches_the_outside(self) -> bool:
        """Whether anything leaves the pipeline: an image, a deployment, a release or a pull request."""
        return any((self.image, self.deploy, self.release, self.back_merges))

    def why(self, part: Part) -> str:
        """Say why a part is as it is."""
        return next(reason.why for reason in self.reasons if reason.part is part)

    def because(self, part: Part, why: str) -> Self:
        """Give the same plan with another reason for a part."""
        return replace(self, reasons=tuple(Reason(part, why) if r.part is part else r for r in self.reasons))
