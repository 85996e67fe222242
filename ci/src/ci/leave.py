"""What leaves the pipeline when everything is green: image, deployment, release, back-merges."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

import dagger

from ci.errors import PipelineError
from ci.event import EventError, Situation, plan_of
from ci.policy.errors import PolicyError
from ci.policy.plan import Image, Plan
from ci.policy.refs import parse_commit
from ci.registry import Repository
from ci.steps import Step
from ci.versions import release_notes

if TYPE_CHECKING:
    from ci.github import GitHub
    from ci.target import Target


class WithImage(Protocol):
    """A module that has built and tested an image."""

    async def image(self) -> dagger.Container:
        """Give the very image."""
        ...


@dataclass(frozen=True)
class Outside:
    """The world that a run may change; what is None is left alone."""

    registry: Repository | None = None
    github: "GitHub | None" = None
    target: "Target | None" = None
    status_commit: str = ""
    """The commit that shows the statuses, where it is not the one that is tested."""
    page: str = ""
    """The URL of the run's page, which statuses lead to."""

    def __post_init__(self) -> None:
        """Refuse what is no commit: it becomes a part of addresses."""
        if self.status_commit:
            try:
                parse_commit(self.status_commit)
            except PolicyError as error:
                raise EventError(str(error)) from None


def github(repository: str, token: dagger.Secret | None, api_url: str) -> "GitHub | None":
    """Give the client of a repository on GitHub; None where nobody says which one it is, or nobody may write there.

    An API's address that is none is refused here, before a run has done anything.
    """
    if not repository or token is None:
        return None
    # Imported where it is needed: its HTTP library would add a tenth of a second to the start of every function.
    from ci.github.access import parse_api_url
    from ci.github.client import API_URL, GitHub

    return GitHub(repository, token, str(parse_api_url(api_url or API_URL)))


class PlanChanged(PipelineError):  # noqa: N818 - what happened
    """Since the plan was made the world has changed, so that it says something else now."""


def steps_of(
    plan: Plan, known: Situation, outside: Outside, files: dagger.Directory, history: dagger.Directory, module: object
) -> tuple[Step, ...]:
    """Name what the plan does outside, in order; every step may use what those before it found."""
    leaving = _Leaving(plan, known, outside, files, history, module)
    steps = (
        (plan.image, Step("publish", leaving.publish)),
        (plan.deploy, Step("deploy", leaving.deploy)),
        (plan.release, Step("release", leaving.release)),
        (plan.back_merges, Step("back-merge", leaving.back_merge)),
    )
    return tuple(step for planned, step in steps if planned)


@dataclass
class _Leaving:
    """The steps, and the digest that the later ones use."""

    plan: Plan
    known: Situation
    outside: Outside
    files: dagger.Directory
    history: dagger.Directory
    module: object
    digest: str = ""

    async def publish(self) -> str:
        """Push the tested image, or take the published one, and give it its tags."""
        from ci.publishing import publish

        wanted, registry = self.plan.image, self.outside.registry
        assert wanted is not None and registry is not None  # noqa: S101, PT018 - a plan without them has no such step
        image = None if wanted.promotes else await cast(WithImage, self.module).image()
        published = await publish(image, wanted, registry, self._still_right)
        self.digest = published.digest
        return f"{', '.join(published.tags)}: {published.digest}"

    async def _still_right(self) -> Image:
        """Decide again, by what the registry says now."""
        plan = await plan_of(self.known, self.outside.registry)
        if plan.failures:
            raise PlanChanged(plan.failures[0])
        if plan.image is None:
            raise PlanChanged("by now nothing is to be published: run the job again to see why")
        return plan.image

    async def deploy(self) -> str:
        """Deploy what was published, by its digest."""
        from ci.deploy import DeploymentFailed, deploy, target_of

        assert self.outside.registry is not None and self.plan.deploy is not None  # noqa: S101, PT018 - as above
        target = self.outside.target or target_of(self.plan.deploy)
        deployment = await deploy(self.outside.registry, self.digest, target, self._agree)
        if not deployment.succeeded:
            raise DeploymentFailed(deployment)
        return deployment.describe()

    async def _agree(self, running: str) -> None:
        """See that runs which end in another order than they began leave the newest commit where it is."""
        from ci.succession import agree

        assert self.outside.registry is not None  # noqa: S101 - as above
        commit = self.known.facts.commit
        await agree(commit, running, self.outside.registry, self.history, self.outside.github)

    async def release(self) -> str:
        """Make the release with the notes of its version."""
        from ci.github.releases import release

        wanted = self.plan.release
        assert wanted is not None and self.outside.github is not None  # noqa: S101, PT018 - as above
        notes = await release_notes(self.files, self.history, wanted.tag)
        return await release(self.outside.github, wanted, await notes.contents(), self.known.facts.commit)

    async def back_merge(self) -> str:
        """Open or update the pull requests that bring the version back."""
        from ci.github.pull_requests import back_merge

        assert self.outside.github is not None  # noqa: S101 - as above
        return "; ".join([(await back_merge(self.outside.github, each)).said for each in self.plan.back_merges])
